"""Slices: combinations of values with many errors, searched level by level."""
