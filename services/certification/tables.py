"""The one description of certification's schema."""
