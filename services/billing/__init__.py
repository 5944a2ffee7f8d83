"""billing: what is ordered, what was paid for it, what one may use therefore, and where the money belongs."""
