"""The private sql job."""
