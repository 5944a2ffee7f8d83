"""Courses and their lessons, in plain Python."""
