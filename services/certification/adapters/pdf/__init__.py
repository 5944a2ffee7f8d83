"""A certificate as a PDF: typefaces, shaped lines of any script, their embedding, and the design of the page."""
