"""The explain job."""
