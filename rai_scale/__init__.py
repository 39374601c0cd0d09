"""Responsible-AI checks over tables of any size, with the reference library's own answer."""
