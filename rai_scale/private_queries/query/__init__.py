"""From the text of a query to SmartNoise's tree, its rewriting, and the noisy answer."""
