"""Items that win a reward and lose what it stands for, by people, on every engine."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from scipy.stats import norm

from rai_scale.errors import ConfigError
from rai_scale.personalization import find_reward_conflicts
from tests.capabilities.risk_engines import ON_SPARK
from tests.conftest import make_case

ASKED = {"item": "i", "reward": "click", "satisfaction": "good", "person": "who"}


def shown(seed: int = 0, rows: int = 2000, bent: bool = True) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    item = rng.integers(0, 5, rows)
    who = rng.integers(0, 100, rows)
    likes = rng.uniform(-0.1, 0.1, 100)[who]
    bait = (item == 2) & bent
    click = rng.random(rows) < 0.3 + likes + 0.2 * bait
    good = rng.random(rows) < 0.5 + likes - 0.25 * bait
    return pd.DataFrame({"i": item, "who": who, "click": click, "good": good * 1.0})


def plain_gap(log: pd.DataFrame, item: int, column: str) -> tuple[float, float]:
    value, mine = log[column].astype(float), log["i"] == item
    mean, rest = value[mine].mean(), value[~mine].mean()
    part = np.where(mine, (value - mean) / mine.sum(), -(value - rest) / (~mine).sum())
    return mean - rest, np.sqrt((pd.Series(part).groupby(log["who"]).sum() ** 2).sum())


@pytest.mark.parametrize("name", ["pandas", "local", "dask", *ON_SPARK])
def test_gaps_and_p_values_follow_their_formulas(name, request):
    log = shown()
    frame = make_case(name, request).make(pa.Table.from_pandas(log), 3)
    found = find_reward_conflicts(frame, **ASKED)
    assert found.items["item"][found.items["bends"]].tolist() == [2]
    p_values = {}
    for row in found.items.to_dict("records"):
        gap, error = plain_gap(log, row["item"], "click")
        other, more = plain_gap(log, row["item"], "good")
        assert (row["reward_gap"], row["satisfaction_gap"]) == pytest.approx((gap, other))
        p_values[row["item"]] = max(norm.sf(gap / error), norm.cdf(other / more))
    assert found.items["p_adjusted"][0] == pytest.approx(5 * min(p_values.values()), rel=1e-6)
    assert found.totals() == {"rows": 2000, "items": 5, "conflicts": 1}
    assert found.gates({"metric": "conflicts", "above": 0})[0]["passed"] is False


def test_a_reward_that_agrees_is_left_alone():
    found = find_reward_conflicts(shown(bent=False), **ASKED)
    assert found.metrics() == {"conflicts": 0}
    few = find_reward_conflicts(shown(), **ASKED, min_rows=1000)
    assert few.items["p_adjusted"].isna().all()


def test_rows_without_a_value_are_counted():
    log = shown()
    log.loc[0, "good"] = np.nan
    with pytest.raises(ConfigError, match="a reward is missing in 1 of 2,000 rows"):
        find_reward_conflicts(log, **ASKED)
    assert find_reward_conflicts(log, **ASKED, on_bad="exclude").rows == 1999
