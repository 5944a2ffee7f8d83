"""What tests of every service share: a served API with real certificates, and a migrated database."""
