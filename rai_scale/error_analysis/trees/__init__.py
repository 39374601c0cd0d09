"""Error trees: LightGBM's tree from counts of rows and errors per value."""
