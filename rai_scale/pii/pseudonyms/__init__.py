"""Keyed pseudonyms: tokens that a key restores, hashes, and made-up values of the same kind."""
