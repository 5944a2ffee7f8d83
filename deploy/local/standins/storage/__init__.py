"""A stand-in for Google Cloud Storage that speaks its JSON and XML interfaces and checks every token and signature."""
