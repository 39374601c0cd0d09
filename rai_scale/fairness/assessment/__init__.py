"""What a report on fairness is made of: tables, gates, drift, the worst groups."""
