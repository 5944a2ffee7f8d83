"""What certification is about, in plain Python."""
