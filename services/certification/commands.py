"""The write side: one frozen dataclass and one function per command."""
