"""Counts, sums, quantiles and moments of tables of any size, as small states that merge."""
