"""Metrics by group from one private release."""
