"""The job that draws texts for a review, and the command that estimates what was missed."""
