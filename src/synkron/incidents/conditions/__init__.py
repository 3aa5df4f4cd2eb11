"""What is wrong now and becomes an incident: ``read_conditions`` reads the facts, one file for each kind words them."""

from synkron.incidents.conditions.store import read_conditions

__all__ = ["read_conditions"]
