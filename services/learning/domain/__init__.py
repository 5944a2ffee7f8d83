"""Enrolments and progress, and the rules they keep."""
