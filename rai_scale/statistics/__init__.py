"""Exact counts, sums and moments of any table, as small states that merge."""
