"""Laws of the choice of rows."""

from __future__ import annotations

import datetime
import decimal

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rai_scale.pii.scanning.sampling import chosen, row_hashes
from tests.conftest import examples

CELL = {
    "text": st.none() | st.text(max_size=8),
    "number": st.none() | st.integers(-(2**63), 2**63 - 1),
    "share": st.none() | st.floats(allow_nan=True),
    "day": st.none() | st.dates(),
    "list": st.none() | st.lists(st.none() | st.text(max_size=3), max_size=3),
    "nested": st.none() | st.fixed_dictionaries({"a": st.none() | st.booleans(), "b": st.text()}),
    "bytes": st.none() | st.binary(max_size=3),
}
KINDS = pa.schema(
    [
        ("text", pa.string()),
        ("number", pa.int64()),
        ("share", pa.float64()),
        ("day", pa.date32()),
        ("list", pa.list_(pa.string())),
        ("nested", pa.struct([("a", pa.bool_()), ("b", pa.string())])),
        ("bytes", pa.binary()),
    ]
)
TABLES = st.lists(st.fixed_dictionaries(CELL), max_size=20).map(
    lambda rows: pa.Table.from_pylist(rows, KINDS)
)


def hashes(values, kind=None, seed=0):
    return row_hashes(pa.table({"a": pa.array(values, kind)}), seed).tolist()


@settings(max_examples=examples(60), deadline=None)
@given(TABLES, st.randoms(use_true_random=False), st.integers(0, 9))
def test_the_order_of_rows_and_columns_does_not_matter(table, random, seed):
    order = random.sample(range(table.num_rows), table.num_rows)
    names = random.sample(table.column_names, len(table.column_names))
    expected = row_hashes(table, seed)
    assert expected.dtype == np.uint64
    shuffled = table.take(pa.array(order, pa.int64())).select(names)
    assert row_hashes(shuffled, seed).tolist() == expected[order].tolist()


@settings(max_examples=examples(60), deadline=None)
@given(TABLES, st.integers(0, 20), st.floats(0, 1))
def test_batches_do_not_matter(table, cut, fraction):
    whole = chosen(table, fraction, 1)
    parts = pa.concat_tables(
        [chosen(table.slice(0, cut), fraction, 1), chosen(table.slice(cut), fraction, 1)]
    )
    assert [repr(row) for row in parts.to_pylist()] == [repr(row) for row in whole.to_pylist()]


@settings(max_examples=examples(60), deadline=None)
@given(TABLES, st.floats(0, 1), st.floats(0, 1))
def test_a_larger_fraction_keeps_what_a_smaller_one_chose(table, one, other):
    numbered = table.append_column("n", pa.array(range(table.num_rows), pa.int64()))
    small, large = (set(chosen(numbered, f, 0)["n"].to_pylist()) for f in sorted((one, other)))
    assert small <= large
    assert chosen(numbered, 1.0, 0).num_rows == table.num_rows
    assert chosen(numbered, 0.0, 0).num_rows == 0


@pytest.mark.parametrize("values", [range(10_000), [f"row {i}" for i in range(10_000)]])
@pytest.mark.parametrize("fraction", [0.5, 0.1, 0.01])
def test_about_the_fraction_is_chosen(values, fraction):
    count = chosen(pa.table({"a": list(values)}), fraction, 0).num_rows
    spread = (10_000 * fraction * (1 - fraction)) ** 0.5
    assert abs(count - 10_000 * fraction) < 4 * spread


def test_seeds_choose_different_and_unrelated_rows():
    table = pa.table({"a": range(10_000)})
    one, other = (set(chosen(table, 0.5, seed)["a"].to_pylist()) for seed in (0, 1))
    assert abs(len(one & other) - 2500) < 200
    assert chosen(table, 0.5, 0).equals(chosen(table, 0.5, 0))


def test_null_and_texts_that_look_like_nothing_differ():
    found = hashes([None, "", "null", "None", "nan", " "])
    assert len(set(found)) == 6
    pairs = pa.table({"a": [None, "x", None], "b": ["x", None, None]})
    assert len(set(row_hashes(pairs, 0).tolist())) == 3


def test_the_same_values_in_other_columns_are_another_row():
    swapped = pa.table({"a": ["x", "y"], "b": ["y", "x"]})
    assert len(set(row_hashes(swapped, 0).tolist())) == 2
    assert hashes(["x"]) != row_hashes(pa.table({"b": ["x"]}), 0).tolist()


def test_a_value_hashes_as_its_text_whatever_its_type():
    text = hashes(["1", "-7", None])
    for kind in (pa.int8(), pa.int64(), pa.decimal128(5, 0), pa.float64()):
        assert hashes([1, -7, None], kind) == text
    assert hashes(["1", "-7", None], pa.dictionary(pa.int32(), pa.string())) == text
    assert hashes([datetime.date(2024, 2, 29)]) == hashes(["2024-02-29"])
    assert hashes(["01"]) != hashes([1])


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        ([datetime.timedelta(days=1), datetime.timedelta(0), None], pa.duration("us")),
        ([1, 2, None], pa.time64("us")),
        ([1, 2, None], pa.timestamp("us", "UTC")),
        ([decimal.Decimal("1.10"), decimal.Decimal("1.20"), None], pa.decimal128(3, 2)),
        ([[("k", 1)], [("k", 2)], None], pa.map_(pa.string(), pa.int64())),
        ([(1, 2, 3), (1, 2, 4), None], pa.month_day_nano_interval()),
        ([[1.5, None], [1.5], None], pa.list_(pa.float64())),
        ([b"\xff", b"\xfe", None], pa.binary()),
        ([True, False, None], pa.bool_()),
    ],
)
def test_every_type_has_a_hash(values, kind):
    assert len(set(hashes(values, kind))) == 3


def test_columns_of_nulls_and_no_rows():
    assert len(set(hashes([None, None], pa.null()))) == 1
    assert hashes([], pa.string()) == []
    assert hashes([None], pa.null()) == hashes([None], pa.string())
