"""Columns of another table by a key: the same joined by an engine and sent to its workers."""

from __future__ import annotations

import pandas as pd
import pyarrow as pa
import pytest

from rai_scale.engines import engine_of
from rai_scale.engines.lookups import with_lookup
from rai_scale.errors import ConfigError

BIG = 2**60
KEYS = {
    "text": (["a", None, "b", "a", "é", "z"], ["b", "a", None, "é"], pa.string()),
    "int64": ([BIG, 9, BIG + 1, BIG, 3, 4], [BIG + 1, BIG, 5, 3], pa.int64()),
    "float": ([1.0, None, 0.5, 1.0, 3, 4], [0.5, 1.0, None, 3], pa.float64()),
}
FOUND = [1, None, 0, 1, 3, None]


@pytest.mark.parametrize("kind", KEYS)
@pytest.mark.parametrize("joined", [True, False])
def test_a_column_of_the_row_with_the_same_key(engine_case, kind, joined):
    keys, known, key_type = KEYS[kind]
    left = pa.table({"id": range(6), "k.1": pa.array(keys, key_type)})
    right = pa.table({"who": pa.array(known, key_type), "at": pa.array(range(4), pa.int64())})
    frame = engine_case.make(left, 3)
    table = engine_case.make(right, 2) if joined else right
    engine = engine_case.engine
    found = with_lookup(engine, frame, table, keys=("k.1", "who"), columns=["at"])
    assert engine.columns(found) == ["id", "k.1", "at"]
    rows = engine_case.rows(found, by="id")
    assert [None if pd.isna(row["at"]) else row["at"] for row in rows] == FOUND


def test_keys_of_types_that_cannot_be_equal_are_refused(engine_case):
    frame = engine_case.make(pa.table({"k": ["1"], "x": [1]}), 1)
    table = pa.table({"k": pa.array([1], pa.int64()), "y": [1]})
    with pytest.raises(ConfigError, match="'k' has type string, but 'k'.*Cast one of them"):
        with_lookup(engine_case.engine, frame, table, keys=("k", "k"), columns=["y"])


def test_integers_that_no_float_holds_are_not_compared_with_floats(engine_case):
    if engine_case.engine.name != "local":
        pytest.skip("Spark compares them as doubles")
    frame = engine_case.make(pa.table({"k": [1.0, None], "x": [1, 2]}), 1)
    table = pa.table({"k": pa.array([BIG + 1], pa.int64()), "y": [1]})
    with pytest.raises(ConfigError, match="no float holds") as error:
        with_lookup(engine_case.engine, frame, table, keys=("k", "k"), columns=["y"])
    assert str(BIG + 1) not in str(error.value)


def test_index_and_objects_of_dask_partitions_stay():
    import dask
    import dask.dataframe as dd

    left = pd.DataFrame({"k": [3, 1, 2], "odd": [{"a": 1}, None, 7]}, index=[10, 11, 12])
    right = pd.DataFrame({"k": [1, 3], "y": ["one", "three"]})
    with dask.config.set({"dataframe.convert-string": False}):
        frame = dd.from_pandas(left, npartitions=2)
    with_key = dd.from_pandas(right.rename(columns={"k": "who"}), npartitions=1)
    engine = engine_of(frame)
    found = with_lookup(engine, frame, with_key, keys=("k", "who"), columns=["y"])
    rows = found.compute().sort_index()
    assert rows.index.tolist() == [10, 11, 12]
    assert rows["odd"].tolist() == left["odd"].tolist()
    assert rows["y"].fillna("").tolist() == ["three", "one", ""]
