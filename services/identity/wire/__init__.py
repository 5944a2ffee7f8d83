"""Between the contract's messages and identity's own types, both ways."""
