"""What certification needs from outside, in its own words."""
