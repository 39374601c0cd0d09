"""What predicts: models, their files, their inputs and outputs, their background rows."""
