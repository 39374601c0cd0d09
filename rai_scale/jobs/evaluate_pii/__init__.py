"""The job that measures a detector on labelled texts."""
