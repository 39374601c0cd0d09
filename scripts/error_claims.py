"""How often error analysis is wrong by chance, and how often it finds what is there; Markdown.

    nice -n 10 .venv/bin/python scripts/error_claims.py                # 1,000 searches: minutes
    .venv/bin/python scripts/error_claims.py --searches 50             # a quick look

Each search has a table of its own with numbers, categories and missing values. Without structure,
one row in ten is wrong at random, and whatever is significant is a false alarm. With structure, the
rows of one cohort have more errors: the tree that is found on one half of the rows is judged on the
other half, and must cover the true error rates there.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from rai_scale.error_analysis import error_tree, find_slices
from rai_scale.statistics.exact_intervals import clopper_pearson

SIZES = (300, 1_000, 3_000)
ROWS, LEAST, RATE = 4_000, 100, 0.1
MISSING, WORSE = 0.1, 0.5
LABELS: dict[str, Any] = {"y_true": "y", "y_pred": "p"}
ALLOWED, COVERED = 0.05, (0.94, 0.96)
OFFSET = 100_000
"""Tables with structure have other seeds than those without."""


def table(seed: int, rows: int, effect: float = 0.0) -> tuple[pd.DataFrame, np.ndarray]:
    """Return a table and the true error rate of each row."""
    random = np.random.default_rng(seed)
    frame = pd.DataFrame({"a": random.normal(size=rows), "b": random.integers(0, 20, rows) * 1.0})
    frame["c"] = random.choice(list("abcdefgh"), rows)
    frame["d"] = np.where(random.random(rows) < MISSING, np.nan, random.normal(size=rows))
    worse = (frame["a"] > WORSE) & frame["c"].isin(["a", "b", "c"])
    rate = np.where(worse, RATE + effect, RATE)
    return frame.assign(y=0, p=(random.random(rows) < rate).astype(int)), rate


def arrow(frame: pd.DataFrame) -> pa.Table:
    """Return a frame of the local engine."""
    return pa.Table.from_pandas(frame, preserve_index=False)


def tree_is_sure(frame: pd.DataFrame) -> bool:
    """Return whether the tree has a significant node."""
    return bool(error_tree(arrow(frame), **LABELS).nodes["significant"].any())


def slices_are_sure(frame: pd.DataFrame) -> bool:
    """Return whether a slice is significant."""
    found = find_slices(arrow(frame), **LABELS, min_rows=30, depth=2).table
    return bool(found["significant"].any())


SEARCHES: dict[str, Callable[[pd.DataFrame], bool]] = {
    "`error_tree`": tree_is_sure,
    "`find_slices`": slices_are_sure,
}


def alarms(searches: int) -> bool:
    """Print how often a search without structure is significant; return whether it is rare."""
    print(
        f"{searches:,} searches each in tables of {', '.join(map(str, SIZES))} rows without "
        "structure; at most 5 % may have a significant node or slice.\n"
    )
    print("| search | significant | share | 99 % interval | holds |")
    print("| --- | ---: | ---: | --- | --- |")
    good = True
    for name, is_sure in SEARCHES.items():
        hits = sum(is_sure(table(seed, SIZES[seed % 3])[0]) for seed in range(searches))
        low, high = clopper_pearson(hits, searches, 0.99)
        holds = low <= ALLOWED
        good &= holds
        print(
            f"| {name} | {hits} | {hits / searches:.1%} | {low:.1%} to {high:.1%} | "
            f"{'yes' if holds else 'NO'} |",
            flush=True,
        )
    return good


def coverage(tables: int) -> bool:
    """Print how often intervals of the other half cover the truth; return whether it is 95 %."""
    hits: list[np.ndarray] = []
    for seed in range(tables):
        frame, rate = table(OFFSET + seed, ROWS, 0.2)
        half = np.arange(ROWS) % 2 == 0
        tree = error_tree(arrow(frame[half]), **LABELS)
        other, own = frame[~half].reset_index(drop=True), rate[~half]
        judged = tree.on(arrow(other)).nodes.query("rows >= @LEAST")
        truths = [own[tree.cohort(node).filter(other).index].mean() for node in judged["node"]]
        hits.append((judged["low"].to_numpy() <= truths) & (truths <= judged["high"].to_numpy()))
    share = float(np.concatenate(hits).mean())
    holds = COVERED[0] <= share <= COVERED[1]
    nodes = sum(map(len, hits))
    print(
        f"\nIntervals of nodes of at least {LEAST} rows, found on one half of {ROWS:,} rows and "
        f"judged on the other: {share:.2%} of {nodes:,} nodes in {tables:,} trees cover the true "
        f"rate (94 to 96 % asked: {'holds' if holds else 'DOES NOT HOLD'}).\n"
    )
    return holds


def power(tables: int) -> None:
    """Print how often structure is found."""
    print(
        f"Power: {tables:,} tables of {ROWS:,} rows, of which one in nine is in a cohort with more "
        "errors.\n"
    )
    print("| error rate of the cohort, others 10 % | `error_tree` | `find_slices` |")
    print("| ---: | ---: | ---: |")
    for effect in (0.05, 0.1, 0.15, 0.2):
        frames = [table(2 * OFFSET + seed, ROWS, effect)[0] for seed in range(tables)]
        shares = [sum(map(is_sure, frames)) / tables for is_sure in SEARCHES.values()]
        print(
            f"| {RATE + effect:.0%} | {' | '.join(f'{share:.0%}' for share in shares)} |",
            flush=True,
        )


def main() -> int:
    """Print all tables; return 1 if a bar does not hold."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--searches", type=int, default=1_000)
    asked = parser.parse_args()
    quiet = alarms(asked.searches)
    covers = coverage(max(20, asked.searches // 2))
    power(max(20, asked.searches // 10))
    return int(not (quiet and covers))


if __name__ == "__main__":
    sys.exit(main())
