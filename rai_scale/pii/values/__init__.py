"""From values to texts and back: nested values, JSON documents, and their text leaves."""
