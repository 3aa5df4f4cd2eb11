"""The package as a user has it: the wheel, and environments in which nothing else is installed."""
