"""learning: who studies what, how far they are, and when they are done."""
