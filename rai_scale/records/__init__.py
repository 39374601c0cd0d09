"""Records that cannot be changed unnoticed: canonical texts and where they are kept."""
