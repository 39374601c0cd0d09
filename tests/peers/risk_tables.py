"""Tables without nulls on which the measures of anonymity are compared."""

import random

KEYS = ["a", "b"]
SENSITIVE = ["text", "number"]
TABLES = 200


def risk_table(seed):
    """Return the columns of a table of 10 to 60 rows: two quasi-identifiers, a text, a number."""
    draw = random.Random(seed)  # the same numbers in every version of Python
    rows, values = draw.randrange(10, 60), draw.randrange(2, 9)
    most_a, most_b = draw.randrange(1, 5), draw.randrange(1, 4)
    return {
        "a": [draw.randrange(most_a) for _ in range(rows)],
        "b": ["xyz"[draw.randrange(most_b)] for _ in range(rows)],
        "text": ["a", "b", *("abcdefgh"[draw.randrange(values)] for _ in range(rows - 2))],
        "number": [0, 1000, *(draw.randrange(values) ** 3 for _ in range(rows - 2))],
    }
