"""The budget job."""
