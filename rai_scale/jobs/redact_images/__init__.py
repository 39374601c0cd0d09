"""The job that redacts images."""
