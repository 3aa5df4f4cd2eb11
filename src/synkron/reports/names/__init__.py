"""What a person names: an organization, a type or an integration, by an id, a name, or a part of one."""
