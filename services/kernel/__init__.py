"""The words every service shares; standard library only, no I/O."""
