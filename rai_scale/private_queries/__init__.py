"""Private SQL: SmartNoise SQL's grammar, bounded on the engine, one noise per release."""
