"""Engines of the tests on risk: one of the two kinds of Spark in ``make test``, both in full."""

from __future__ import annotations

import pytest

CASES = [
    "local",
    "dask",
    pytest.param("spark", marks=pytest.mark.spark),
    pytest.param("connect", marks=[pytest.mark.spark, pytest.mark.full]),
]
ON_SPARK = [
    pytest.param(name, marks=[pytest.mark.spark, pytest.mark.full]) for name in ("spark", "connect")
]
