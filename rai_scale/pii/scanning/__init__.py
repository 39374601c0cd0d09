"""Which columns of a lake hold personal data: samples, counts per column, verdicts."""
