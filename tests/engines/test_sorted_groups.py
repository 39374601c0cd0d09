"""Groups of a sorted stream of batches, compared with pandas."""

from __future__ import annotations

import math
from itertools import pairwise

import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from rai_scale.engines.groups import groups_of_sorted

KEYS = st.tuples(
    st.sampled_from(["a", "b", None, 'x."y']),
    st.sampled_from([2**53, 2**53 + 1, None]),
    st.sampled_from([0.0, -0.0, math.nan, 1.5, None]),
)


@settings(deadline=None)
@given(keys=st.lists(KEYS, max_size=40), cuts=st.lists(st.integers(0, 40), max_size=6))
def test_each_group_comes_once_and_whole(keys, cuts):
    same = {}
    for number, (text, whole, real) in enumerate(keys):
        seen = "nan" if real is not None and math.isnan(real) else real
        same.setdefault((text, whole, seen), []).append(number)
    order = [number for numbers in same.values() for number in numbers]
    table = pa.table(
        {
            "t": pa.array([keys[n][0] for n in order], pa.string()),
            "i": pa.array([keys[n][1] for n in order], pa.int64()),
            "f": pa.array([keys[n][2] for n in order], pa.float64()),
            "n": pa.array(order, pa.int64()),
        }
    )
    edges = [0, *sorted(min(cut, len(order)) for cut in cuts), len(order)]
    batches = [table.slice(a, b - a) for a, b in pairwise(edges)]
    found = [group["n"].to_pylist() for group in groups_of_sorted(batches, ["t", "i", "f"])]
    assert found == list(same.values())
