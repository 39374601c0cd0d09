"""Explanations of models over tables of any size, the same on any number of workers."""
