"""messaging's ports, filled by PostgreSQL, memory, SMTP, live streams, and the neighbours."""
