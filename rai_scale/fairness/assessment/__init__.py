"""The contents of a fairness report: tables, gates, drift, the worst groups."""
