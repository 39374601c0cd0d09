"""The risk job."""
