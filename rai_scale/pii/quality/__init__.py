"""How much personal data a detector finds: on labelled texts, and by a review of a sample."""
