"""Who may ask over HTTP, and what: the tokens of programs, people and their sessions."""
