"""The one table about which other packages are asked; plain Python, so that each can make it."""

from __future__ import annotations

import random


def rows() -> list[dict[str, int]]:
    """Return 400 made-up rows: group, label and prediction."""
    draw = random.Random(0)
    found = []
    for _ in range(400):
        sex = draw.randint(0, 1)
        label = int(draw.random() < 0.3 + 0.3 * sex)
        found.append(
            {"sex": sex, "y": label, "p": int(draw.random() < 0.2 + 0.5 * label + 0.1 * sex)}
        )
    return found
