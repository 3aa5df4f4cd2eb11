"""How nouns look in JSON that are not simply their fields, for the commands and for the HTTP API."""
