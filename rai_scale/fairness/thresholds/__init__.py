"""Curves, calibration and optimal thresholds from counted scores."""
