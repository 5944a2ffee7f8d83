"""certification: proof that someone completed a course, made once and verified by anyone."""
