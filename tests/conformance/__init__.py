"""Fairlearn's documented behaviour, restated as cases: our answer is Fairlearn's, however cut."""
