"""Incidents: what an operator is told, and when. Current conditions and open incidents make transitions."""
