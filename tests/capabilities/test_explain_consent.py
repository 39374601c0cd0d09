"""Reasons that a person refused, or that are sensitive, are never given, and are counted."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from lightgbm import LGBMClassifier
from sklearn.linear_model import Ridge

from rai_scale.errors import ConfigError, MissingColumnError
from rai_scale.explanations import ValueSampling, add_reasons, explain
from rai_scale.personalization import Consents
from tests.capabilities.risk_engines import ON_SPARK
from tests.conftest import make_case

FEATURES = ["zip", "age", "visits", "constant"]
BEFORE, AT = pd.Timestamp("2025-01-01T00:00:00Z"), "2025-06-30T00:00:00Z"


def users() -> pd.DataFrame:
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(rng.normal(size=(40, 3)), columns=FEATURES[:3])
    return frame.assign(constant=1.0, user=[f"U{n}" for n in range(40)])


def decided() -> pd.DataFrame:
    """Return consents: U0 allows both groups, U1 denies location, U2 both; nobody else decided."""
    rows = [("U0", "location", "allow"), ("U0", "habits", "allow"), ("U1", "location", "deny")]
    rows += [("U1", "habits", "allow"), ("U2", "location", "deny"), ("U2", "habits", "deny")]
    found = pd.DataFrame(rows, columns=["user", "feature_group", "decision"])
    return found.assign(time=BEFORE)


def consents(table, **more) -> Consents:
    groups = {"location": ["zip"], "habits": ["visits", "constant"]}
    return Consents(table, person="user", feature_groups=groups, at=AT, **more)


def model():
    frame = users()
    return Ridge().fit(frame[FEATURES], frame.zip + 2 * frame.age - frame.visits)


def rows_of(case, frame):
    return sorted(case.rows(frame), key=lambda row: int(row["user"][1:]))


@pytest.mark.parametrize("name", ["pandas", "local", "dask", *ON_SPARK])
def test_refused_and_sensitive_features_are_never_reasons(name, request):
    case = make_case(name, request)
    frame = case.make(pa.Table.from_pandas(users()), 3)
    asked = {"features": FEATURES, "background": users()[FEATURES]}
    plain = rows_of(case, explain(frame, model(), **asked))
    given = case.make(pa.Table.from_pandas(decided()), 2)
    found = explain(frame, model(), consent=consents(given), sensitive_features="age", **asked)
    rows = rows_of(case, add_reasons(found, features=FEATURES))
    assert len(rows) == 40
    for row, whole in zip(rows, plain, strict=True):
        gone = {"U0": ["age"], "U1": ["age", "zip"]}.get(row["user"], ["age", "zip", "visits"])
        for feature in ("zip", "age", "visits"):
            value = row[f"shap_{feature}"]
            if feature in gone:
                assert value is None or np.isnan(value)
                assert feature not in row["reasons"]
            else:
                assert value == pytest.approx(whole[f"shap_{feature}"])
                assert feature in row["reasons"]
        assert row["reasons_withheld"] == len(gone)  # a feature without effect is no reason
        assert row["prediction"] == pytest.approx(whole["prediction"])
        counted = "1 reason is" if len(gone) == 1 else f"{len(gone)} reasons are"
        assert row["reasons"].endswith(f"{counted} withheld")
    assert rows[5]["reasons"] == "3 reasons are withheld"
    assert "rai_scale_refused" not in rows[0] and "rai_scale_decisions" not in rows[0]


@pytest.mark.full
def test_all_columns_of_a_withheld_feature_are_null():
    more = [f"x{n}" for n in range(11)]
    rng = np.random.default_rng(1)
    frame = users().assign(**{name: rng.normal(size=40) for name in more})
    names = [*FEATURES, *more]
    many = LGBMClassifier(n_estimators=5, min_child_samples=2, verbose=-1)
    many.fit(frame[names], np.arange(40) % 3)
    found = explain(
        frame[:3], many, features=names, background=frame[names][:5], method="kernel_shap",
        consent=consents(decided()), key_columns="user",
        sampling=ValueSampling(max_evals=100, replicates=True),
    )  # fmt: skip
    own = [n for n in found if n.startswith("shap_") and n.endswith("_zip")]
    assert len([n for n in own if "error" in n]) == 3
    assert any("replicate" in n for n in own)
    assert found.loc[0, own].notna().all() and found.loc[1:, own].isna().all(axis=None)
    assert next(iter(found)) == "user" and "rai_scale_refused" not in found


def test_the_long_form_has_no_values_of_withheld_features():
    found = explain(
        users()[:2], model(), features=FEATURES, background=users()[FEATURES], long=True,
        key_columns="user", consent=consents(decided()), sensitive_features=["age"],
    )  # fmt: skip
    hidden = found[found["value"].isna()]
    assert list(zip(hidden["user"], hidden["feature"], strict=True)) == [
        ("U0", "age"), ("U1", "zip"), ("U1", "age"),
    ]  # fmt: skip
    assert [*found.columns] == ["user", "feature", "value"]


def test_without_decisions_the_default_counts():
    asked = {"features": FEATURES, "background": users()[FEATURES]}
    allowed = consents(decided(), default="allow")
    found = explain(users(), model(), consent=allowed, **asked)
    assert found["reasons_withheld"].tolist() == [0, 1, 2] + [0] * 37
    marked = consents(decided()).with_refused(users()[:3], "refused")["refused"].map(json.loads)
    assert marked.tolist() == [[], ["zip"], ["zip", "visits", "constant"]]


def test_what_cannot_be_withheld_is_refused():
    asked = {"features": FEATURES, "background": users()[FEATURES]}
    with pytest.raises(MissingColumnError, match="Did you mean"):
        explain(users(), model(), sensitive_features="agee", **asked)
    with pytest.raises(ConfigError, match=r"must be a rai_scale.personalization.Consents"):
        explain(users(), model(), consent=decided(), **asked)
    with pytest.raises(ConfigError, match="already has a column 'reasons_withheld'"):
        explain(users().assign(reasons_withheld=0), model(), sensitive_features="age", **asked)
    with pytest.raises(MissingColumnError):
        explain(users().drop(columns="user"), model(), consent=consents(decided()), **asked)
