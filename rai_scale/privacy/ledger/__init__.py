"""The ledger of privacy budgets: reservations, releases, and what was spent."""
