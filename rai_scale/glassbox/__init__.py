"""Glassbox models: explainable boosting machines and simple ones, at any size."""
