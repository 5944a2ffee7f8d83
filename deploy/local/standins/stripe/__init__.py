"""A Stripe of our own for development and tests: the real protocol, test cards, signed webhooks, faults on demand."""
