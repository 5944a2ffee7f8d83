"""certification's schema, step by step and forward only."""
