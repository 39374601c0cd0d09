"""The scan job."""
