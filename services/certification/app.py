"""What certification is made of."""
