"""What a search finds by chance is not significant; what is there is found, and judged fairly."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from rai_scale.error_analysis import error_tree


def table(seed: int, rows: int, effect: float = 0.0) -> tuple[pd.DataFrame, np.ndarray]:
    random = np.random.default_rng(seed)
    frame = pd.DataFrame({"a": random.normal(size=rows), "b": random.integers(0, 20, rows) * 1.0})
    frame["c"] = random.choice(list("abcdefgh"), rows)
    frame["d"] = np.where(random.random(rows) < 0.1, np.nan, random.normal(size=rows))
    rate = np.where((frame["a"] > 0.5) & frame["c"].isin(["a", "b", "c"]), 0.1 + effect, 0.1)
    return frame.assign(y=0, p=(random.random(rows) < rate).astype(int)), rate


def tree_of(frame: pd.DataFrame):
    return error_tree(pa.Table.from_pandas(frame, preserve_index=False), y_true="y", y_pred="p")


def test_without_structure_few_searches_are_significant():
    """Of 1,000 searches, at most 5 % are: scripts/error_claims.py."""
    sizes = (300, 1000, 3000)
    hits = [tree_of(table(s, sizes[s % 3])[0]).nodes["significant"].any() for s in range(20)]
    assert sum(hits) <= 3


@pytest.mark.full
def test_intervals_of_other_rows_cover_the_truth():
    covered, found, seeds = [], 0, 20
    for seed in range(seeds):
        frame, rate = table(10_000 + seed, 4000, 0.2)
        half = np.arange(len(frame)) % 2 == 0
        tree = tree_of(frame[half])
        found += tree.nodes["significant"].any()
        for node in tree.on(frame[~half]).nodes.itertuples():
            if node.rows >= 100:
                rows = tree.cohort(node.node).filter(frame[~half]).index
                covered.append(node.low <= rate[rows].mean() <= node.high)
    assert 0.93 <= np.mean(covered) <= 0.97
    assert found > 0.7 * seeds
