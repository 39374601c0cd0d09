"""Intervals of AVG, VAR, STDDEV and arithmetic over noisy numbers hold the exact values."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from snsql.sql.parse import QueryParser

from rai_scale.errors import ConfigError
from rai_scale.privacy import Privacy
from rai_scale.private_queries import private_sql
from rai_scale.private_queries.query.nulls import null_safe
from rai_scale.private_queries.release.intervals import Intervals
from tests.capabilities.private_cases import people, with_privacy

pytestmark = pytest.mark.filterwarnings("ignore::rai_scale.privacy.ledger.problems.PrivacyWarning")

GROUPS = 1500
AGREED = 0.95 - 5.2 * np.sqrt(0.95 * 0.05 / GROUPS)
"""A true coverage of 95 % is below this share of the groups once in ten million."""
QUERY = (
    "SELECT city, COUNT(*) AS n, AVG(age) AS a, VAR(age) AS v, STDDEV(age) AS d, "
    "(SUM(age) - 3 * COUNT(*)) AS x FROM S.people GROUP BY city"
)


def release_of(rows: int, epsilon: float, mechanism: str):
    total = GROUPS * rows
    random = np.random.default_rng(rows)
    frame = pd.DataFrame(
        {
            "id": np.arange(total),
            "age": random.integers(20, 60, total),
            "city": np.arange(total) % GROUPS,
        }
    )
    metadata = people(max_ids=1, city={"type": "int"})
    release = private_sql(
        QUERY,
        {"people": pa.Table.from_pandas(frame)},
        metadata,
        mechanism=mechanism,
        groups=range(GROUPS),
        privacy=Privacy(epsilon=epsilon, delta=1e-6, ledger="none"),
    )
    return frame.groupby("city")["age"], release


@pytest.mark.parametrize("mechanism", ["laplace", "gaussian"])
@pytest.mark.parametrize(("rows", "epsilon"), [(2, 1.0), (60, 4.0), (60, 60.0)])
def test_intervals_cover(rows, epsilon, mechanism):
    groups, release = release_of(rows, epsilon, mechanism)
    found = release.intervals().set_index("city")
    exact = {
        "n": groups.size(),
        "a": groups.mean(),
        "v": groups.var(ddof=0),
        "d": groups.std(ddof=0),
        "x": groups.sum() - 3 * groups.size(),
    }
    for name, value in exact.items():
        low, high = found[f"{name}_low"], found[f"{name}_high"]
        # the exact figures of pandas are themselves rounded
        assert ((low <= value + 1e-9) & (value - 1e-9 <= high)).mean() >= AGREED, name
    assert found["a_low"].min() >= -1e-9
    assert found["a_high"].max() <= 100 + 1e-9
    if epsilon == 60:
        assert (found["a_high"] - found["a_low"]).median() < 25


def test_widths_follow_alpha_and_the_noise_of_one_number():
    _, release = release_of(2, 1.0, "laplace")
    half = release.columns_info.set_index("column").loc["n", "half_width_95"]
    found, wider = release.intervals(), release.intervals(alpha=0.001)
    inside = found["n_low"] > 0
    assert inside.any()
    width = (found["n_high"] - found["n_low"])[inside]
    assert width.to_numpy() == pytest.approx(2 * half)
    for name in ("n", "a", "v", "d", "x"):
        assert (wider[f"{name}_low"] <= found[f"{name}_low"]).all()
        assert (wider[f"{name}_high"] >= found[f"{name}_high"]).all()
    with pytest.raises(ConfigError, match="alpha"):
        release.intervals(alpha=5)


def test_a_function_without_a_rule_has_no_interval():
    table = pa.table({"id": range(50), "age": [30] * 50})
    query = "SELECT SIN(COUNT(*)) AS l, COUNT(*) / (COUNT(DISTINCT age) - 1) AS z FROM S.people"
    options = {"epsilon": 1e5, "ledger": "none"}
    found = private_sql(
        query, {"people": table}, people(max_ids=1), **with_privacy(**options)
    ).intervals()
    assert found[["l_low", "l_high"]].isna().all(axis=None)
    assert found["z_low"].tolist() == [-np.inf]
    assert found["z_high"].tolist() == [np.inf]


class Around:
    """A noisy number with the interval given."""

    counts = False

    def __init__(self, low: float, high: float) -> None:
        self.ends = np.array([low]), np.array([high])

    def interval(self, alpha: float):
        return self.ends


FUNCTIONS = [
    *("LN(x)", "LOG(x)", "LOG10(x)", "LOG2(x)", "SQRT(x)", "EXP(x)", "ATAN(x)", "DEGREES(x)"),
    *("CEIL(x)", "FLOOR(x)", "SIGN(x)", "ABS(x)", "SQUARE(x)", "POWER(x, 3)", "POWER(x, 4)"),
    *("ROUND(x, 1)", "ROUND(x, -1)", "LN(ABS(x - 3) + 1)", "POWER(FLOOR(x / 2), 2)"),
]


@settings(max_examples=300, deadline=None)
@given(
    st.sampled_from(FUNCTIONS),
    st.floats(-60, 60) | st.integers(-60, 60).map(float),
    st.floats(0, 30),
    st.floats(0, 1),
)
def test_functions_of_an_interval_hold_the_function_of_all_that_is_in_it(text, at, width, part):
    tree = null_safe(QueryParser().parse_expression(text))
    noisy = Around(at - width * part, at + width * (1 - part))
    low, high = Intervals({"x": noisy}, 0.05).of(tree)
    with np.errstate(all="ignore"):
        value = float(tree.evaluate({"x": at}))
    assert np.isnan(value) or low[0] <= value <= high[0]
    whole = Intervals({"x": Around(-np.inf, np.inf)}, 0.05).of(tree)
    assert np.isnan(value) or whole[0][0] <= value <= whole[1][0]


def test_a_logarithm_has_an_interval_per_row():
    table = pa.table({"id": range(500), "age": [30] * 500})
    query = "SELECT LN(COUNT(*)) AS l, POWER(COUNT(*), 0.5) AS p FROM S.people"
    release = private_sql(
        query, {"people": table}, people(max_ids=1), privacy=Privacy(epsilon=1, ledger="none")
    )
    found = release.intervals()
    assert 5.9 < found["l_low"][0] < found["l_high"][0] < 6.6
    assert found[["p_low", "p_high"]].isna().all(axis=None)  # an integer, truncated
    info = release.columns_info.set_index("column")
    assert list(info["interval"]) == ["per row, see intervals()", "none"]
