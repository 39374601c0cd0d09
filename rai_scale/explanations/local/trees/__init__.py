"""Exact Shapley values of trees."""
