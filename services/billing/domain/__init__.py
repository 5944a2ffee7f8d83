"""What billing knows and decides, without I/O."""
