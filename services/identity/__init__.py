"""identity: who someone is, how they prove it, and for how long that holds."""
