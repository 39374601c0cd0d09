"""The error analysis job."""
