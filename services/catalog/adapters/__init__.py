"""catalog's ports, filled by PostgreSQL, memory and the neighbour learning."""
