"""The command that draws texts for a review, and estimates what a detector misses."""
