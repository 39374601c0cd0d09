"""Presidio's analyzer over batches of texts, with the least work that gives the same answer."""
