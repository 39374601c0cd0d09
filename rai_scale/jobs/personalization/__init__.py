"""The personalisation job."""
