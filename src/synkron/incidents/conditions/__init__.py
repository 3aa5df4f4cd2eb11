"""What is so right now that an operator is told of: ``read_conditions`` reads, a file for each kind words it."""

from synkron.incidents.conditions.store import read_conditions

__all__ = ["read_conditions"]
