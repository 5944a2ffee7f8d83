"""learning's ports, filled by PostgreSQL, memory, and the neighbours."""
