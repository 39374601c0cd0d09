"""Readers: one module per format or engine, from the files of a table to a lazy frame."""
