"""Bursts: a planted one is found, quiet logs are left alone, on every engine."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from scipy.stats import chi2_contingency, false_discovery_control, nbinom

from rai_scale.errors import ConfigError, MissingColumnError
from rai_scale.personalization import find_bursts
from rai_scale.statistics.multiple_tests import benjamini_hochberg
from tests.capabilities.risk_engines import ON_SPARK
from tests.conftest import make_case


def visits(seed: int = 0, burst: bool = True) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    rows = []
    for item in range(6):
        for day in range(20):
            for source in ("app", "web"):
                many = rng.negative_binomial(10, 10 / (10 + 6))
                many += 60 * (burst and (item, day, source) == (3, 15, "web"))
                rows += [(item, day, source)] * many
    log = pd.DataFrame(rows, columns=["item", "day", "source"])
    log["t"] = pd.Timestamp("2025-03-01T05:00:00Z") + pd.to_timedelta(log["day"], "D")
    log["shape"] = np.where(
        (log["day"] == 15) & (log["source"] == "web"), 7, rng.integers(0, 50, len(log))
    )
    return log


@pytest.mark.parametrize("name", ["pandas", "local", "dask", *ON_SPARK])
def test_the_planted_burst_is_found(name, request):
    log = visits()
    frame = make_case(name, request).make(pa.Table.from_pandas(log), 3)
    found = find_bursts(frame, item="item", time="t", source="source")
    first = found.bursts.iloc[0]
    assert first[["item", "source", "window"]].tolist() == [3, "web", "2025-03-16"]
    before = log[(log["item"] == 3) & (log["source"] == "web")].groupby("day").size().loc[:14]
    mean = before.sum() / 15
    assert first["expected"] == pytest.approx(mean)
    spread = (mean + found.dispersion * mean**2) * (1 + 1 / 15)
    size = mean**2 / (spread - mean)
    assert first["p_value"] == pytest.approx(
        nbinom.sf(first["rows"] - 1, size, size / (size + mean))
    )
    assert len(found.bursts) <= 2
    assert found.gates({"metric": "bursts", "above": 0})[0]["passed"] is False


def test_identical_features_are_found():
    found = find_bursts(visits(), item="item", time="t", source="source", features="shape")
    same = found.bursts[found.bursts["kind"] == "identical features"]
    assert same[["shape", "window"]].iloc[0].tolist() == [7, "2025-03-16"]


def test_quiet_logs_are_left_alone():
    alarms = [
        len(find_bursts(visits(s, False), item="item", time="day").bursts) > 0 for s in range(1, 9)
    ]
    assert np.mean(alarms) <= 0.25


def test_false_discoveries_are_limited_as_in_scipy():
    p = np.random.default_rng(0).random(50) ** 2
    assert benjamini_hochberg(p) == pytest.approx(false_discovery_control(p))
    assert benjamini_hochberg(np.array([])).size == 0


def test_what_cannot_be_searched_is_refused():
    log = visits()
    with pytest.raises(ConfigError, match="history at least 2"):
        find_bursts(log, item="item", time="t", history=1)
    with pytest.raises(ConfigError, match="not a time"):
        find_bursts(log, item="item", time="source")
    with pytest.raises(MissingColumnError, match="Did you mean"):
        find_bursts(log, item="items", time="t")


@pytest.mark.parametrize("name", ["pandas", "local", "dask", *ON_SPARK])
def test_a_source_that_drifts_is_found_with_what_moved(name, request):
    log = visits(1, burst=False)
    log["browser"] = np.random.default_rng(0).choice(["a", "b", "c"], len(log), p=[0.5, 0.3, 0.2])
    odd = (log["source"] == "app") & (log["day"] == 12)
    log.loc[odd & (log.index % 2 == 0), "browser"] = "c"
    frame = make_case(name, request).make(pa.Table.from_pandas(log), 3)
    found = find_bursts(frame, item="item", time="day", source="source", features="browser")
    (row,) = found.drift.to_dict("records")
    assert [row[n] for n in ("source", "feature", "window", "value")] == [
        "app", "browser", "12", "c",
    ]  # fmt: skip
    before = log[(log["source"] == "app") & (log["day"] < 12)]["browser"]
    assert row["share_before"] == pytest.approx((before == "c").mean())
    assert row["share"] == pytest.approx((log[odd]["browser"] == "c").mean())
    table = [log[odd]["browser"].value_counts()[[*"abc"]], before.value_counts()[[*"abc"]]]
    p = chi2_contingency(np.array(table), correction=False)[1]
    assert p <= row["p_value"] < 1e-4
    assert found.gates({"metric": "drifts", "above": 0})[0]["passed"] is False


@pytest.mark.full
def test_quiet_sources_do_not_drift():
    rng = np.random.default_rng(0)
    alarms = []
    for seed in range(1, 11):
        log = visits(seed, False)
        # ten events of a person share a browser, which makes windows differ more than rows would
        log["browser"] = rng.choice([*"abc"], len(log) // 10 + 1).repeat(10)[: len(log)]
        asked = {"item": "item", "time": "day", "source": "source", "features": "browser"}
        alarms.append(len(find_bursts(log, **asked).drift) > 0)
    assert np.mean(alarms) <= 0.3


@pytest.mark.parametrize("taken", ["kind", "window", "rows", "p_value"])
def test_columns_with_names_of_the_result_are_refused(taken):
    log = visits().rename(columns={"source": taken})
    with pytest.raises(ConfigError, match=f"has a column '{taken}' of its own"):
        find_bursts(log, item="item", time="day", source=taken)
    with pytest.raises(ConfigError, match="of its own"):
        find_bursts(log, item=taken, time="day")
