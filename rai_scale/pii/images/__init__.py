"""Images with the personal data in their text painted over."""
