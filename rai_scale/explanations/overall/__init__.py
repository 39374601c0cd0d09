"""Explanations of a model over all rows."""
