"""Between the contract's messages and certification's own types, both ways."""
