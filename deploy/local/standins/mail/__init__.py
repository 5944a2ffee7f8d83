"""A stand-in for the mail world: an SMTP server that accepts, refuses and defers as real ones do, and an inbox."""
