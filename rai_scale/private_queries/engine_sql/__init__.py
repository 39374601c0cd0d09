"""SQL that means the same on every engine, and the exact bounded aggregates made of it."""
