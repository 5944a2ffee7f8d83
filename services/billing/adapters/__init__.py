"""billing's ports, filled by PostgreSQL, memory, Stripe and catalog."""
