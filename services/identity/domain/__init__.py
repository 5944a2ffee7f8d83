"""Accounts and sessions, and the rules they keep."""
