"""Columns of a frame with their personal data replaced, and what was replaced."""
