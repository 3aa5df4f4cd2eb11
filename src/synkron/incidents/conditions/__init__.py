"""What is wrong now and becomes an incident: ``store`` reads the facts, the other files word them."""
