"""The job of synthetic data."""
