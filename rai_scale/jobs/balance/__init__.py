"""The balance job."""
