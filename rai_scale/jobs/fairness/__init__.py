"""The fairness job."""
