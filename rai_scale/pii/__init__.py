"""Personal data: find it, redact it and scan lakes for it, with Presidio's own answer."""
