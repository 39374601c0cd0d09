"""Exposure: every measure by its formula, on every engine; loops; what is refused."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from rai_scale.errors import ConfigError, MissingColumnError
from rai_scale.personalization import audit_exposure
from tests.capabilities.personalization_simulations import false_alarms, looped_log
from tests.capabilities.plain_exposure import (
    exposure_log,
    plain_drift,
    plain_group,
    plain_lists,
    plain_ratio,
    plain_slope,
)
from tests.capabilities.risk_engines import CASES
from tests.conftest import full, make_case

ASKED = {
    **{"item": "item", "person": "who", "position": "pos", "relevance": "rel", "category": "cat"},
    **{"groups": ["g", "h"], "period": "t", "propensity": "p", "quality": "q", "lists": "l"},
}
FIRST = pd.Timestamp("2025-01-06", tz="UTC")


def weeks(log):
    return log.assign(week=(log["t"] - FIRST).dt.days // 7)


def parts(log):
    """Yield by, group, period and the rows of each group and period."""
    for by in ("", "g", "h"):
        for group, mine in [("", log)] if not by else log.groupby(by):
            yield by, group, "", mine
            for week, part in mine.groupby("week"):
                yield by, group, (FIRST + pd.Timedelta(weeks=week)).date().isoformat(), part


def check(frame, log):
    log = weeks(log)
    found = audit_exposure(frame, **ASKED)
    groups = found.groups.set_index(["by", "group", "period"])
    cats = found.categories.set_index(["by", "group", "period", "category"])
    seen = 0
    for by, group, period, part in parts(log):
        row, seen = groups.loc[by, group, period], seen + 1
        expected = plain_group(log, part)
        assert row[[*expected]].to_dict() == pytest.approx(expected, rel=1e-12, nan_ok=True)
        lists = plain_lists(part, bool(period))
        assert row["diversity"] == pytest.approx(lists, rel=1e-12, nan_ok=True)
        for category in "abcd":
            cat = cats.loc[by, group, period, category]
            mine = part[part["cat"] == category]
            expected = {
                "rows": len(mine),
                "never_shown": 1 - mine["who"].nunique() / part["who"].nunique(),
                "exposure": (1 / np.log2(1 + mine["pos"])).sum(),
                "relevance": mine["rel"].sum() if len(mine) else np.nan,
            }
            assert cat[[*expected]].to_dict() == pytest.approx(expected, rel=1e-12, nan_ok=True)
            ratio = plain_ratio(part.assign(one=(part["cat"] == category) * 1.0), "one")
            if len(mine):
                assert cat[["share", "low", "high"]].tolist() == pytest.approx(
                    ratio, rel=1e-9, abs=1e-12, nan_ok=True
                )
    assert seen == len(groups)
    for by, group, part in [("", "", log), ("g", "u", log[log["g"] == "u"])]:
        drift = plain_drift(part)
        mine = groups.loc[by, group].drop("").sort_index()[["drift", "person_entropy"]]
        np.testing.assert_allclose(mine.to_numpy(float), drift.to_numpy(), rtol=1e-12)
    for row in found.loops.itertuples():
        own, rest = log[log[row.by] == row.group], log[log[row.by] != row.group]
        (slope, variance, _), (other, more, _) = (plain_slope(d, row.category) for d in (own, rest))
        assert row.slope == pytest.approx(slope, rel=1e-9)
        assert row.other_slope == pytest.approx(other, rel=1e-9)
        assert row.z == pytest.approx((slope - other) / np.sqrt(variance + more), rel=1e-6)
    assert len(found.loops) == 16
    return found


def test_every_measure_follows_its_formula():
    log = exposure_log()
    found = check(log, log)
    assert found.items["item"].min() == 2**60
    mine = found.items[(found.items["by"] == "g") & (found.items["group"] == "u")]
    people = log[log["g"] == "u"].groupby("item")["who"].nunique()
    own = mine.set_index("item")["never_shown"]
    assert own.to_dict() == pytest.approx((1 - people / 30).to_dict())


@pytest.mark.parametrize("partitions", [full(1), 3, full(7)])
@pytest.mark.parametrize("name", ["local", full("dask"), *CASES[2:]])
def test_engines_and_partitions_agree(name, partitions, request):
    log = exposure_log(1, rows=600, people=30)
    check(make_case(name, request).make(pa.Table.from_pandas(log), partitions), log)


def test_little_is_needed():
    log = exposure_log()
    found = audit_exposure(log, item="item", person="who")
    assert found.totals() == {"rows": 1500, "people": 60, "items": 20, "loops": 0}
    assert len(found.groups) == 1
    assert found.groups["exposure"][0] == 1500
    small = audit_exposure(log, item="item", person="who", catalogue=40)
    assert small.groups["coverage"][0] == 0.5
    daily = log.assign(day=log["t"].dt.tz_localize(None).dt.date)
    for every, periods in (("day", 84), ("week", 12), ("month", 3)):
        found = audit_exposure(daily, item="item", person="who", period="day", every=every)
        assert found.groups["period"].nunique() == periods + 1
    assert found.groups["period"].tolist() == ["", "2025-01", "2025-02", "2025-03"]


def test_an_item_may_be_its_own_category_and_an_integer_a_period():
    log = weeks(exposure_log())
    found = audit_exposure(log, item="cat", category="cat", person="who", period="week", groups="g")
    assert set(found.categories["category"]) == {*"abcd"}
    assert set(found.groups["period"]) == {"", *map(str, range(12))}
    assert found.gates({"metric": "coverage", "below": 0.9})[0]["passed"]


def test_the_planted_loop_is_found():
    log = looped_log(1, loop=True)
    found = audit_exposure(log, item="i", category="c", person="who", groups="g", period="w")
    lost = found.loops[found.loops["loses"]]
    assert lost[["group", "category"]].iloc[0].tolist() == ["v", "loan"]
    assert 4 <= int(lost["since"].iloc[0]) <= 8
    assert found.gates({"metric": "loops", "above": 0})[0]["passed"] is False
    fair = looped_log(1, loop=False)
    found = audit_exposure(fair, item="i", category="c", person="who", groups="g", period="w")
    assert found.totals()["loops"] == 0


def test_the_gains_of_a_group_are_no_losses_of_the_others():
    log = looped_log(2, loop=True)
    # the others are two groups, which both seem to lose what the looped one gains
    log["g"] = np.where(log["g"] == "v", "v", np.where(log["who"] % 4 == 0, "u", "w"))
    found = audit_exposure(log, item="i", category="c", person="who", groups="g", period="w")
    lost = found.loops[found.loops["loses"]]
    assert lost[["group", "category"]].to_numpy().tolist() == [["v", "loan"]]
    assert len(found.loops) == 9
    rest = found.loops[found.loops["group"] == "u"].set_index("category")
    only = audit_exposure(
        log[log["g"] != "v"], item="i", category="c", person="who", groups="g", period="w"
    ).loops
    own = only[only["group"] == "u"].set_index("category")
    assert rest["z"].to_dict() == pytest.approx(own["z"].to_dict())


@pytest.mark.full
def test_fair_logs_seldom_alarm():
    assert false_alarms(60) <= 0.15


def test_what_cannot_be_audited_is_refused():
    log = exposure_log()
    asked = {"item": "item", "person": "who"}
    with pytest.raises(ConfigError, match="every must be one of"):
        audit_exposure(log, **asked, period="t", every="year")
    with pytest.raises(ConfigError, match="not a time, a date or an integer"):
        audit_exposure(log, **asked, period="cat")
    with pytest.raises(ConfigError, match="a time is missing"):
        audit_exposure(log.assign(t=log["t"].where(log["pos"] > 1)), **asked, period="t")
    with pytest.raises(ConfigError, match="no rows"):
        audit_exposure(log.iloc[:0], **asked)
    with pytest.raises(MissingColumnError, match="Did you mean"):
        audit_exposure(log, item="items", person="who")
