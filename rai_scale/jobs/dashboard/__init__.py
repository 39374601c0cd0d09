"""The dashboard job."""
