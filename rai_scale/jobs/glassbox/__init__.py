"""The glassbox job."""
