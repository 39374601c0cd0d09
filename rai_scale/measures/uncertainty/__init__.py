"""Replicates of cells, intervals, simultaneous bands, gates and tests."""
