"""Fairlearn's numbers from group counts, at any size."""
