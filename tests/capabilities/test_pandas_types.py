"""Groups of every type that pandas has: Fairlearn's own answer, or this package's own error."""

import datetime as dt
import json
import uuid
from decimal import Decimal

import dask.dataframe as dd
import fairlearn.metrics as fm
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

import rai_scale
from rai_scale.engines.arrow_types import canonical_table
from rai_scale.engines.frames import column_to_arrow, frame_as
from rai_scale.errors import ConfigError
from rai_scale.fairness import Bootstrap

ROWS = np.arange(120)
AGE = ROWS % 60 + 1
DAYS = pd.date_range("2020-01-01", periods=3)
MONTHS = pd.period_range("2020-01", periods=3, freq="M")


def arrow(kind, values):
    """Return an Arrow-backed column of pandas."""
    array = pa.array([values[i % len(values)] for i in ROWS], kind)
    return pd.Series(pd.arrays.ArrowExtensionArray(array))


def objects(*values):
    """Return a column of Python objects."""
    return pd.Series([values[i % len(values)] for i in ROWS], dtype=object)


SAME = {
    "bands": pd.Series(pd.cut(AGE, [0, 5, 10, 60])),
    "bands of floats": pd.Series(pd.cut(AGE, [0.5, 9.25, 20, 100], right=False)),
    "bands of dates": pd.Series(pd.cut(pd.Series(DAYS[ROWS % 3]), 2)),
    "intervals": pd.Series(pd.IntervalIndex(pd.cut(AGE, [0, 5, 10, 60]))),
    "overlapping": pd.Series(pd.arrays.IntervalArray.from_tuples([(0, 2), (1, 3)]).take(ROWS % 2)),
    "named bands": pd.Series(pd.cut(AGE, [0, 5, 10, 60], labels=["z", "b", "a"])),
    "periods": pd.Series(MONTHS[ROWS % 3]),
    "categories of periods": pd.Series(pd.Categorical(MONTHS[ROWS % 3])),
    "categories of integers": pd.Series(pd.Categorical((ROWS % 3 + 2**53).astype("uint64"))),
    "categories of dates": pd.Series(pd.Categorical(DAYS[ROWS % 3])),
    "unused category": pd.Series(pd.Categorical.from_codes(ROWS % 2, ["z", "a", "unused"])),
    "UInt64": pd.Series(ROWS % 3 + 2**53, dtype="UInt64"),
    "Float64": pd.Series(ROWS % 3 / 2, dtype="Float64"),
    "boolean": pd.Series(ROWS % 3 > 0).astype("boolean"),
    "string": pd.Series(np.array(["b", "a"])[ROWS % 2], dtype="string"),
    "sparse": pd.Series(pd.arrays.SparseArray(ROWS % 3)),
    "time zone": pd.Series(DAYS.tz_localize("Europe/Rome")[ROWS % 3]),
    "timedelta": pd.Series(pd.to_timedelta(ROWS % 3, unit="h")),
    "float16": pd.Series((ROWS % 3 / 2).astype("float16")),
    "arrow dictionary": arrow(pa.dictionary(pa.int8(), pa.string()), ["b", "a"]),
    "arrow decimal": arrow(pa.decimal128(10, 2), [Decimal("1.10"), Decimal("2.20")]),
    "arrow decimal256": arrow(pa.decimal256(50, 0), [Decimal(2**53), Decimal(2**53 + 1)]),
    "arrow duration": arrow(pa.duration("ns"), [dt.timedelta(1), dt.timedelta(2)]),
    "arrow binary": arrow(pa.binary(), [b"b", b"a\xff"]),
}
OBJECTS = {
    "bytes": objects(b"b", b"a\xff"),
    "decimals": objects(Decimal("1.10"), Decimal("1E+30")),
    "dates": objects(dt.date(2020, 1, 1), dt.date(2020, 1, 2)),
    "times": objects(dt.time(1), dt.time(2)),
}
TEXTS = {
    "uuids": objects(uuid.UUID(int=5), uuid.UUID(int=3)),
    "integers and texts": objects(1, "b"),
    "integers and floats": objects(2**53 + 1, 2.5),
    "large integers": objects(2**70, 2**70 + 1),
    "dates and times": objects(dt.date(2020, 1, 2), dt.datetime(2020, 1, 2, 3)),
    "mixed categories": pd.Series(pd.Categorical(objects(1, "a", 2.5))),
}
NESTED = {
    "lists": arrow(pa.list_(pa.int64()), [[1], [2]]),
    "structs": arrow(pa.struct([("a", pa.int64())]), [{"a": 1}, {"a": 2}]),
    "tuples": objects((1, 2), (1, 3)),
    "categories of tuples": pd.Series(pd.Categorical(objects((1, 2), (1, 3)))),
    "complex": pd.Series(ROWS % 3 + 1j),
}
ASKED = {"y_true": "y", "y_pred": "p", "sensitive_features": "s"}
MAKE = {
    "pandas": lambda frame: frame,
    "arrow": pa.Table.from_pandas,
    "dask": lambda frame: dd.from_pandas(frame, npartitions=3),
}


def frame_of(column: pd.Series) -> pd.DataFrame:
    """Return labels and predictions beside a column of groups."""
    return pd.DataFrame({"y": ROWS % 2, "p": (ROWS % 3 == 0) * 1, "s": column})


def check(frame, data):
    """Compare levels and values with Fairlearn's."""
    found = rai_scale.metric_frame(data, metrics=["selection_rate"], **ASKED)
    wanted = fm.MetricFrame(
        metrics={"selection_rate": fm.selection_rate},
        y_true=frame.y,
        y_pred=frame.p,
        sensitive_features=frame.s,
    )
    mine, theirs = found.by_group["selection_rate"], wanted.by_group["selection_rate"]
    assert list(mine.index) == list(theirs.index)
    assert mine.tolist() == pytest.approx(theirs.tolist(), abs=0, nan_ok=True)


@pytest.mark.parametrize("engine", MAKE)
@pytest.mark.parametrize("name", SAME)
def test_as_fairlearn(name, engine):
    """Levels and values are Fairlearn's, on one machine and on Dask."""
    if engine == "arrow" and name == "sparse":
        pytest.skip("Arrow itself takes no sparse column of pandas")
    frame = frame_of(SAME[name])
    check(frame, MAKE[engine](frame))


@pytest.mark.parametrize("name", OBJECTS)
def test_objects_as_fairlearn(name):
    """Python's objects of one kind are what they are."""
    frame = frame_of(OBJECTS[name])
    check(frame, frame)


@pytest.mark.parametrize("engine", ["pandas", "dask"])
@pytest.mark.parametrize("name", TEXTS)
def test_mixed_values_are_their_texts(name, engine):
    """Values without a common type are groups under their texts; none are merged."""
    frame = frame_of(TEXTS[name])
    found = rai_scale.metric_frame(MAKE[engine](frame), metrics="count", **ASKED).by_group
    assert found.to_dict() == frame["s"].astype(str).value_counts().to_dict()


@pytest.mark.parametrize("name", NESTED)
def test_no_groups(name):
    """What makes no groups is refused in this package's words."""
    with pytest.raises(ConfigError, match="column 's'"):
        rai_scale.metric_frame(frame_of(NESTED[name]), metrics="count", **ASKED)


@pytest.mark.parametrize("engine", MAKE)
def test_bands_everywhere(engine):
    """Bands and periods pass through every capability, and their tables go to JSON."""
    frame = frame_of(SAME["bands"]).assign(q=ROWS % 7 / 7, c=SAME["periods"])
    data = MAKE[engine](frame)
    two = {**ASKED, "control_features": "c"}
    found = rai_scale.metric_frame(
        data, metrics=["selection_rate"], **two, bootstrap=Bootstrap(5, ci_quantiles=[0.5])
    )
    wanted = fm.MetricFrame(
        metrics={"selection_rate": fm.selection_rate},
        **{"y_true": frame.y, "y_pred": frame.p, "sensitive_features": frame[["s"]]},
        control_features=frame[["c"]],
    )
    pd.testing.assert_frame_equal(found.by_group, wanted.by_group)
    pd.testing.assert_frame_equal(found.difference(), wanted.difference())
    pd.testing.assert_frame_equal(found.overall, wanted.overall)
    assessed = rai_scale.assess_fairness(data, **two, bootstrap=Bootstrap(5))
    kept = json.loads(json.dumps(assessed.to_dict()))
    status = rai_scale.fairness.assessment.run_drift.drift(kept, assessed)["status"]
    assert set(status) <= {"compared", "not known"}
    scored = {"y_true": "y", "sensitive_features": ["s"]}
    weighed = rai_scale.fairness.reweighing(data, **scored).apply(data, "r")
    fitted = rai_scale.fairness.fit_threshold_optimizer(data, score="q", **scored)
    predicted = fitted.predict_proba(data, output="r")
    for done in (weighed, predicted):
        table = done.compute() if engine == "dask" else done
        assert len(table) == len(frame)
    assert len(rai_scale.fairness.calibration(data, score="q", **scored).errors) == 3
    assert len(rai_scale.balance(data, sensitive_features=["s"], y_true="y").groups) == 3
    options = {"y_pred": "q", **scored}
    for asked in ({"metrics": "roc_auc_score", "max_cells": 4}, {"metrics": "log_loss"}):
        by_group = rai_scale.metric_frame(data, **asked, **options).by_group
        assert list(by_group.index) == list(wanted.by_group.index.levels[1])


def test_objects_of_partitions_agree():
    """A partition of one kind of objects has the texts that a mixed one has."""
    texts = pa.schema([("s", pa.string())])
    mixed = frame_as(pd.DataFrame({"s": objects(True, "x", b"a")}), texts)["s"].to_pylist()
    alone = frame_as(pd.DataFrame({"s": objects(True)}), texts)["s"].to_pylist()
    assert set(alone) <= set(mixed)


def test_extension_types_of_arrow():
    """Extension types of Arrow tables are read by their storage, or as text."""
    ids = pa.array([uuid.UUID(int=5).bytes], pa.uuid())
    bands = column_to_arrow(pd.Series(pd.cut([1], [0, 5])))
    flags = pa.ExtensionArray.from_storage(pa.bool8(), pa.array([1], pa.int8()))
    table = pa.table({"id": ids, "flag": flags, "band": bands})
    row = canonical_table(table).to_pylist()[0]
    assert row == {"id": str(uuid.UUID(int=5)), "flag": 1, "band": "(0, 5]"}
