"""Balance of data and predictions between groups, computed from group counts alone."""
