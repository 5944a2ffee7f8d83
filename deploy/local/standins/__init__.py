"""Stand-ins for the outside parties of Campus: they speak the real protocol, and refuse what the real party refuses."""
