"""Commands about the keys of tokens."""
