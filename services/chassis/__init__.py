"""What every service runs on; no business word in it."""
