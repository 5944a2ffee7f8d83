"""identity's ports, filled by PostgreSQL, memory, argon2 and JWT."""
