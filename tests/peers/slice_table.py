"""The table about which packages that search slices are asked: integers, the same everywhere."""

from __future__ import annotations

FEATURES = ("a", "b", "c", "d")
ROWS = 3_000
MIN_ROWS = 60


def slice_rows() -> dict[str, list[int]]:
    """Return four features with 4, 3, 5 and 2 values, and errors that depend on them."""
    state, rows = 1, {name: [] for name in (*FEATURES, "error")}

    def draw(below: int) -> int:
        nonlocal state
        state = (state * 6364136223846793005 + 1442695040888963407) % 2**64
        return (state >> 33) % below

    for _ in range(ROWS):
        a, b, c, d = draw(4), draw(3), draw(5), draw(2)
        share = 10 + 30 * (a == 1 and b == 2) + 20 * (c == 0) + 10 * d
        for name, value in zip(rows, (a, b, c, d, int(draw(100) < share)), strict=True):
            rows[name].append(value)
    return rows
