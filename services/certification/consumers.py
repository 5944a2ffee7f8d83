"""Learning's events in, our commands out."""
