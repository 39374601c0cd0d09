"""Counterfactuals: the values that features may take, and dice-ml's search in a worker."""
