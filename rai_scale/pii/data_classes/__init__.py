"""Classes of data beyond direct identifiers: quasi-identifiers, secrets, health and finance."""
