"""Append-only records of events, chained by hashes so that changes are noticed."""
