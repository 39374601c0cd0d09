"""Metrics by group from counts, with their uncertainty."""
