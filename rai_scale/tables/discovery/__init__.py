"""Walks a path once, and groups its files into tables; nothing is read but headers and footers."""
