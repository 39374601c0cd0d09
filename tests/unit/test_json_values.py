"""One form of values for JSON: nothing is lost that JSON can say, and nothing fails."""

from __future__ import annotations

import datetime
import json
from decimal import Decimal

import numpy as np
import pandas as pd
import pytest

from rai_scale.statistics.json_values import json_text, plain

NAN, INF = float("nan"), float("inf")


@pytest.mark.parametrize(
    ("value", "wanted"),
    [
        (None, None),
        (NAN, None),
        (np.float32("nan"), None),
        (pd.NA, None),
        (pd.NaT, None),
        (np.datetime64("NaT"), None),
        (Decimal("NaN"), None),
        (INF, "inf"),
        (np.float64(-INF), "-inf"),
        (Decimal("-Infinity"), "-Infinity"),
        (np.int64(2**60), 2**60),
        (np.bool_(True), True),
        (np.str_("a"), "a"),
        (Decimal("12345678901234567890"), 12345678901234567890),
        (Decimal("1.10"), "1.10"),
        (datetime.date(2026, 1, 2), "2026-01-02"),
        (pd.Timestamp("2026-01-02 03:04:05"), "2026-01-02T03:04:05"),
        (np.datetime64("2026-01-02T03:04:05.123456789"), "2026-01-02T03:04:05.123456789"),
        (datetime.time(3, 4), "03:04:00"),
        (datetime.timedelta(1), "1 day, 0:00:00"),
        (pd.Interval(0, 1), "(0, 1]"),
        (np.array(3.5), 3.5),
        (np.array([[1.0, NAN], [INF, 2.0]]), [[1.0, None], ["inf", 2.0]]),
        (pd.Series([1, None], dtype="Int64"), [1, None]),
        ((1, (2, NAN)), [1, [2, None]]),
        ({1: {"a": INF}}, {"1": {"a": "inf"}}),
        (pd.DataFrame({"n": [1], "x": [NAN]}), [{"n": 1, "x": None}]),
    ],
)
def test_plain(value, wanted):
    found = plain(value)
    assert found == wanted
    assert type(found) is type(wanted)
    assert json.loads(json_text(value)) == wanted


def test_infinity_comes_back():
    assert float(json.loads(json_text(-INF))) == -INF
