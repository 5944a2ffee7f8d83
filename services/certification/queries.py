"""The read side: one frozen dataclass and one function per query."""
