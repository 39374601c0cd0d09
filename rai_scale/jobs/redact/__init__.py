"""The redact job."""
