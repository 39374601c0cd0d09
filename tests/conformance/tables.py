"""The small tables of the conformance suite, and how they are cut at random."""

from __future__ import annotations

from functools import cache
from typing import Any
from zlib import crc32

import numpy as np
import pyarrow as pa

from rai_scale.engines import engine_named


@cache
def people() -> pa.Table:
    """Return 160 rows: labels, scores, numbers, weights, and features with empty intersections.

    Group ``solo`` of ``g`` has one row, ``no_pos`` has no positive label, ``no_sel`` no positive
    prediction, and ``mute`` has neither; ``h`` and ``d`` never meet in some combinations.
    """
    rng = np.random.default_rng(11)
    n = 160
    g = rng.choice(
        ["a", "b", "c", "no_pos", "no_sel", "mute"], n, p=[0.3, 0.25, 0.15, 0.1, 0.1, 0.1]
    )
    g[7] = "solo"
    h = np.where(g == "b", "x", rng.choice(["x", "y", "z"], n))
    c = rng.choice([10, 20, 30], n)
    d = np.where(c == 20, True, rng.random(n) < 0.5)
    y = (rng.random(n) < 0.5).astype(np.int64)
    p = np.where(rng.random(n) < 0.7, y, 1 - y)
    y[(g == "no_pos") | (g == "mute")] = 0
    p[(g == "no_sel") | (g == "mute")] = 0
    score = np.clip(np.round(0.2 + 0.5 * y + rng.normal(0, 0.25, n), 2), 0.01, 0.99)
    number = np.round(rng.normal(50, 12, n), 3)
    guess = np.round(number + rng.normal(0, 5, n), 3)
    size = ["small", "medium", "large"]
    true_size = rng.choice(size, n)
    return pa.table(
        {
            **{"g": g, "h": h, "c": c, "d": d, "y": y, "p": p},
            **{"score": score, "number": number, "guess": guess},
            "weight": np.round(rng.uniform(0.1, 3.0, n), 3),
            "times": rng.integers(1, 5, n),
            "cost": rng.choice([0.5, 1.0, 2.0], n),
            "size": true_size,
            "size_guess": np.where(rng.random(n) < 0.6, true_size, rng.choice(size, n)),
            "yes": np.where(y == 1, "yes", "no"),
            "yes_guess": np.where(p == 1, "yes", "no"),
            "sign": 2 * y - 1,
            "sign_guess": 2 * p - 1,
            "flag": y == 1,
            "flag_guess": p == 1,
            "real": y.astype(np.float64),
            "real_guess": p.astype(np.float64),
        }
    )


def cut(table: pa.Table, seed: str) -> Any:
    """Return a local frame of the rows in random order, in one to seven random parts."""
    rng = np.random.default_rng(crc32(seed.encode()))
    shuffled = table.take(pa.array(rng.permutation(table.num_rows)))
    return engine_named("local").from_arrow(shuffled, int(rng.integers(1, 8)))
