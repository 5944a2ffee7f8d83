"""The names of the six services."""

SERVICES = ("identity", "catalog", "learning", "billing", "certification", "messaging")
