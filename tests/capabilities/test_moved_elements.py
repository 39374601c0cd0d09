"""Elements that move: means and gaps by pandas, the planted one, on every engine."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from rai_scale.errors import ConfigError
from rai_scale.personalization import find_moved_elements
from tests.capabilities.risk_engines import ON_SPARK
from tests.conftest import make_case

ASKED = {"item": "element", "position": "place", "person": "who", "time": "at", "reward": "tapped",
         "satisfaction": "stayed"}  # fmt: skip


def taps(seed: int = 0, planted: bool = True) -> pd.DataFrame:
    """Return 40 events of each of 60 people; a moved advert is tapped by mistake."""
    rng = np.random.default_rng(seed)
    log = pd.DataFrame({"who": np.arange(60).repeat(40), "at": np.tile(np.arange(40), 60)})
    log["element"] = rng.choice(["advert", "search", "menu"], len(log))
    log["place"] = rng.integers(1, 3, len(log))
    before = log.groupby(["who", "element"])["place"].shift()
    slips = planted & (log["element"] == "advert") & before.notna() & (before != log["place"])
    log["tapped"] = rng.random(len(log)) < np.where(slips, 0.5, 0.2)
    log["stayed"] = rng.random(len(log)) < np.where(slips, 0.2, 0.5)
    return log


@pytest.mark.parametrize("name", ["pandas", "local", "dask", *ON_SPARK])
def test_the_element_that_moves_under_the_finger_is_found(name, request):
    log = taps()
    frame = make_case(name, request).make(pa.Table.from_pandas(log), 3)
    found = find_moved_elements(frame, **ASKED)
    assert found.elements["item"][found.elements["bends"]].tolist() == ["advert"]
    log["before"] = log.groupby(["who", "element"])["place"].shift()
    own = log[log["before"].notna()].assign(moved=lambda d: d["before"] != d["place"])
    assert found.rows == len(own)
    for row in found.elements.to_dict("records"):
        one = own[own["element"] == row["item"]]
        assert (row["rows"], row["moved"]) == (len(one), one["moved"].sum())
        means = one.groupby("moved")[["tapped", "stayed"]].mean()
        assert row["reward_gap"] == pytest.approx(means["tapped"].diff().iloc[1])
        assert row["satisfaction_same"] == pytest.approx(means.loc[False, "stayed"])
    assert found.gates({"metric": "conflicts", "above": 0})[0]["passed"] is False


def test_the_error_of_a_gap_is_that_of_people():
    from scipy.stats import norm

    log = taps()
    log["before"] = log.groupby(["who", "element"])["place"].shift()
    one = log[log["before"].notna() & (log["element"] == "advert")]
    moved = (one["before"] != one["place"]).to_numpy()
    ps = []
    for name, side in (("tapped", -1), ("stayed", 1)):
        x, parts = one[name].to_numpy(float), np.zeros(len(one))
        for mask, sign in ((moved, 1), (~moved, -1)):
            parts[mask] = sign * (x[mask] - x[mask].mean()) / mask.sum()
        error = np.sqrt((pd.Series(parts).groupby(one["who"].to_numpy()).sum() ** 2).sum())
        ps.append(norm.cdf(side * (x[moved].mean() - x[~moved].mean()) / error))
    found = find_moved_elements(log.drop(columns="before"), **ASKED).elements.set_index("item")
    assert found.loc["advert", "p_adjusted"] == pytest.approx(3 * max(ps))


def test_elements_that_only_move_are_left_alone():
    alarms = [find_moved_elements(taps(s, False), **ASKED).totals()["conflicts"] for s in range(20)]
    assert sum(alarms) <= 1


def test_what_cannot_have_moved_is_refused():
    with pytest.raises(ConfigError, match="saw the same element twice"):
        find_moved_elements(taps().drop_duplicates(["who", "element"]), **ASKED)
    with pytest.raises(ConfigError, match="not a time"):
        find_moved_elements(taps().assign(at="x"), **ASKED)
    with pytest.raises(ConfigError, match="six different"):
        find_moved_elements(taps(), **{**ASKED, "satisfaction": "tapped"})
