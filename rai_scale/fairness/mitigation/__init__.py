"""Reductions, reweighing and the choice among candidates."""
