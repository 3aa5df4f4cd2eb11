"""A file for each command, or for a group of them."""
