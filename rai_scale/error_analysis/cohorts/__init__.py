"""Cohorts: conditions on rows, as text or a dictionary, with one meaning on every engine."""
