"""Tables: find, read and write them, with the same rows on every engine."""
