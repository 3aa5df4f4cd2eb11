"""The first hour with Synkron and the morning after it: what people ask, the command that they try, what it answers."""
