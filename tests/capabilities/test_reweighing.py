"""Reweighing: the label becomes independent of the sensitive features."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rai_scale.errors import ConfigError, MissingColumnError
from rai_scale.fairness import reweighing

ROLES = {"y_true": "hired", "sensitive_features": ["sex"]}


def people(rows: int, seed: int = 0) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    table = pd.DataFrame({"row": np.arange(rows), "sex": rng.choice(["f", "m"], rows)})
    table["origin"] = rng.choice(["a", "b"], rows)
    table["w"] = rng.integers(1, 9, rows) / 4
    return table.assign(hired=(rng.random(rows) < 0.3 + 0.3 * (table["sex"] == "m")).astype(int))


def test_the_example_of_kamiran_and_calders():
    """Table 1 of the paper: 10 applicants, class + or -, weights 0.75, 0.67, 1.5 and 2."""
    sex = ["m"] * 5 + ["f"] * 5
    label = ["+", "+", "+", "+", "-", "+", "+", "-", "-", "-"]
    table = reweighing(pd.DataFrame({"sex": sex, "hired": label}), **ROLES).table.set_index(
        ["sex", "hired"]
    )
    assert table["weight"].to_dict() == {
        ("f", "+"): pytest.approx(0.5 * 0.6 / 0.2),
        ("f", "-"): pytest.approx(0.5 * 0.4 / 0.3),
        ("m", "+"): pytest.approx(0.75),
        ("m", "-"): pytest.approx(2.0),
    }
    assert table["count"].to_dict() == {("f", "+"): 2, ("f", "-"): 3, ("m", "+"): 4, ("m", "-"): 1}


def test_weights_on_every_engine(cluster_case):
    table = people(60)
    frame = cluster_case.make(pa.Table.from_pandas(table), 4)
    found = reweighing(frame, **ROLES, engine=cluster_case.engine)
    rows = pd.DataFrame(cluster_case.rows(found.apply(frame, "weight"), by="row"))
    joint = table.groupby(["sex", "hired"])["row"].transform("size") / 60
    of_sex = table.groupby("sex")["row"].transform("size") / 60
    of_label = table.groupby("hired")["row"].transform("size") / 60
    np.testing.assert_allclose(rows["weight"], of_sex * of_label / joint, rtol=1e-12)
    assert rows["row"].tolist() == table["row"].tolist()


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10**6), st.integers(5, 80), st.booleans())
def test_weighted_groups_have_equal_rates_and_keep_their_mass(seed, rows, weighted):
    table = people(rows, seed)
    given_weight = table["w"] if weighted else pd.Series(1.0, table.index)
    found = reweighing(
        table,
        y_true="hired",
        sensitive_features=["sex", "origin"],
        sample_weight="w" if weighted else None,
    )
    new = given_weight * found.apply(table)["weight"]
    group, label = [table["sex"], table["origin"]], table["hired"]
    both = table.groupby(["sex", "origin"])["hired"].nunique()
    if (both == label.nunique()).all():
        rate = (new * label).groupby(group).sum() / new.groupby(group).sum()
        np.testing.assert_allclose(rate, (given_weight * label).sum() / given_weight.sum())
        np.testing.assert_allclose(new.groupby(group).sum(), given_weight.groupby(group).sum())
        np.testing.assert_allclose(new.groupby(label).sum(), given_weight.groupby(label).sum())
    pd.testing.assert_frame_equal(found.to_pandas(), found.table)


def test_what_cannot_be_weighed_is_refused():
    table = people(20)
    with pytest.raises(MissingColumnError, match="Did you mean 'hired'"):
        reweighing(table, y_true="hird", sensitive_features=["sex"])
    with pytest.raises(ConfigError, match="other than the label"):
        reweighing(table, y_true="sex", sensitive_features=["sex"])
    with pytest.raises(ConfigError, match="no rows"):
        reweighing(table.iloc[:0], **ROLES)
    with pytest.raises(ConfigError, match="has no weight"):
        reweighing(table.assign(w=0.0), **ROLES, sample_weight="w")
    with pytest.raises(ConfigError, match="'sex' is missing in 1 of 20 rows"):
        reweighing(table.assign(sex=table["sex"].where(table["row"] > 0)), **ROLES)
