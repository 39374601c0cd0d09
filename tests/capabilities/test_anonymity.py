"""Classes and their measures: by the formulas, on every engine, with nulls and people."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from rai_scale.errors import ConfigError, MissingColumnError
from rai_scale.risk import anonymity, wide_sql
from tests.capabilities.plain_anonymity import plain_measures
from tests.capabilities.risk_engines import CASES, ON_SPARK
from tests.conftest import full, make_case
from tests.peers.risk_tables import KEYS, risk_table


def with_nulls(seed: int) -> pd.DataFrame:
    """Return a table with nulls among the quasi-identifiers and the sensitive values."""
    rng = np.random.default_rng(seed)
    data = pd.concat([pd.DataFrame(risk_table(seed + i)) for i in range(3)], ignore_index=True)
    data["a"] = data["a"].astype("Int64")
    for name in ("a", "b", "text"):
        data.loc[rng.random(len(data)) < 0.1, name] = None
    return data


def check_like_formulas(frame, data, distance):
    ordered = {"number": True} if distance == "ordered" else {}
    found = anonymity(frame, quasi_identifiers=KEYS, sensitive=["text", "number"], ordered=ordered)
    sizes = data.groupby(KEYS, dropna=False).size()
    assert (found.k, found.classes, found.rows) == (sizes.min(), len(sizes), len(data))
    assert found.totals()["uniques"] == (sizes == 1).sum()
    assert found.marketer == pytest.approx(len(sizes) / len(data), rel=1e-12)
    for row in found.diversity.to_dict("records"):
        expected = plain_measures(data, KEYS, row["column"])
        expected["t"] = expected.pop(row["distance"])
        assert {name: row[name] for name in expected if name in row} == pytest.approx(
            {name: value for name, value in expected.items() if name in row}, rel=1e-9, abs=1e-12
        )


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("distance", ["equal", "ordered"])
def test_every_measure_follows_its_formula(seed, distance):
    data = with_nulls(seed)
    check_like_formulas(data, data, distance)


@pytest.mark.parametrize("distance", ["equal", "ordered"])
def test_counts_of_all_values_side_by_side_give_the_same(distance, monkeypatch):
    """As for many classes with few values; here from the first row on."""
    monkeypatch.setattr(wide_sql, "SAMPLE_ROWS", 1)
    monkeypatch.setattr(wide_sql, "LEAST_SHARE", 0)
    for seed in range(4):
        data = with_nulls(seed)
        check_like_formulas(data, data, distance)
        known = data.assign(text=data["text"].fillna(""), b="c")  # more than two values per class
        assert plain_measures(known, ["b"], "text")["distinct_l"] > 2
        found = anonymity(known, quasi_identifiers="b", sensitive="text").diversity
        expected = plain_measures(known, ["b"], "text")["recursive_c"]
        assert found["recursive_c"][0] == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("partitions", [full(1), 3])
@pytest.mark.parametrize("name", CASES)
def test_engines_and_partitions_agree(name, partitions, request):
    data = with_nulls(5)
    table = pa.Table.from_pandas(data, preserve_index=False)
    check_like_formulas(make_case(name, request).make(table, partitions), data, "ordered")


def test_listed_orders_are_used_and_must_be_complete():
    data = with_nulls(1).dropna()
    order = list("dcbahgfe")
    found = anonymity(data, quasi_identifiers=KEYS, sensitive="text", ordered={"text": order})
    expected = plain_measures(data, KEYS, "text", order)["ordered"]
    assert found.diversity["t"][0] == pytest.approx(expected, rel=1e-9)
    with pytest.raises(ConfigError, match="not listed"):
        anonymity(data, quasi_identifiers=KEYS, sensitive="text", ordered={"text": ["a", "b"]})


@pytest.fixture
def ten_and_a_null():
    return pa.table({"g": [*"aaaaabbbbb", None], "s": [*"xyxyxxyxyx", "z"]})


@pytest.mark.parametrize(
    ("missing", "sizes"), [("value", {"1": 1, "5": 2}), ("any", {"1": 1, "6": 2})]
)
@pytest.mark.parametrize("name", ["local", "dask", *ON_SPARK])
def test_a_row_with_a_null_is_counted(name, request, ten_and_a_null, missing, sizes):
    frame = make_case(name, request).make(ten_and_a_null, 2)
    found = anonymity(frame, quasi_identifiers="g", sensitive="s", missing=missing)
    assert found.to_dict()["size_histogram"] == sizes
    assert (found.k, found.l, found.rows, found.totals()["uniques"]) == (1, 1, 11, 1)


def test_any_null_matches_as_a_comparison_of_all_pairs():
    data = with_nulls(3)

    def may_be(row, other):
        pairs = zip(row, other, strict=True)
        return all(pd.isna(b) or (not pd.isna(a) and a == b) for a, b in pairs)

    rows = list(data[KEYS].itertuples(index=False))
    expected = pd.Series([sum(may_be(row, other) for other in rows) for row in rows])
    found = anonymity(data, quasi_identifiers=KEYS, missing="any")
    sizes = found.sizes.set_index("size")["covered"]
    assert sizes.to_dict() == expected.value_counts().to_dict()


def test_one_person_with_a_thousand_rows_is_one_person():
    data = pd.DataFrame({"g": ["a"] * 1002, "s": ["x"] * 1001 + ["y"], "who": [1] * 1000 + [2, 2]})
    found = anonymity(data, quasi_identifiers="g", sensitive="s", person="who")
    assert (found.k, found.l, found.rows) == (2, 2, 2)
    assert found.diversity["alpha"][0] == pytest.approx(2 / 3)
    assert "people=2" in repr(found)


def test_columns_may_have_the_names_of_counts():
    data = pd.DataFrame({"n": [1, 1, 2, 2], "N": [1, 2, 1, 2], "count": list("xyxx")})
    found = anonymity(data, quasi_identifiers=["n", "N"], sensitive="count")
    assert (found.k, found.classes, found.l) == (1, 4, 1)
    found = anonymity(data, quasi_identifiers="n", sensitive="count", by=["N"])
    assert (found.k, found.diversity["t"][0]) == (2, pytest.approx(0.25))
    assert found.groups.to_dict("list")["rows"] == [2, 2]


def test_groups_show_who_is_at_risk():
    data = pd.DataFrame({"g": list("aaab"), "region": ["n", "n", "s", "s"]})
    groups = anonymity(data, quasi_identifiers="g", by="region").groups.set_index("region")
    assert groups.loc["s"].to_dict() == {
        **{"rows": 2, "k": 1, "uniques": 1, "under_5": 2},
        "marketer": pytest.approx((1 / 3 + 1) / 2),
    }


def test_groups_may_have_other_names_of_numbers_but_those_shown():
    data = pd.DataFrame({"covered": list("aaab"), "size": ["n", "n", "s", "s"]})
    groups = anonymity(data, quasi_identifiers="covered", by="size").groups
    assert groups[["size", "rows", "uniques"]].to_numpy().tolist() == [["n", 2, 0], ["s", 2, 1]]
    with pytest.raises(ConfigError, match="has a number of this name"):
        anonymity(data.rename(columns={"size": "k"}), quasi_identifiers="covered", by="k")


def test_values_that_look_alike_are_reported():
    data = pd.DataFrame(
        {
            "zip": ["a", "a ", "e\u0301", "\u00e9"],
            "x": [0.0, -0.0, float("nan"), 1.0],
            "mixed": [1, "1", 1.0, "2"],
        }
    )
    data["x"] = pd.array(pa.array([0.0, -0.0, float("nan"), 1.0]), dtype="double[pyarrow]")
    found = anonymity(data, quasi_identifiers=["zip", "x", "mixed"])
    assert found.classes == 4
    notes = " ".join(found.notes)
    for part in ("2 rows have spaces", "1 values NaN", "1 values -0.0", "1, 1.0 and '1' are equal"):
        assert part in notes
    assert anonymity(data, quasi_identifiers="x").classes == 3


def test_k_is_shown_with_l_and_the_numbers_are_plain():
    data = pd.DataFrame(risk_table(2))
    found = anonymity(data, quasi_identifiers=KEYS)
    assert "l=not measured" in repr(found)
    found = anonymity(data, quasi_identifiers=KEYS, sensitive="text")
    assert f"k={found.k}, l={found.l}" in repr(found)
    assert json.loads(found.to_json())["sensitive"]["text"]["distinct_l"] == found.l
    assert found.gates({"metric": "k", "below": 1000})[0]["passed"] is False


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"quasi_identifiers": []}, "at least one column"),
        ({"quasi_identifiers": "a", "sensitive": "a"}, "Name it once"),
        ({"quasi_identifiers": "a", "missing": "most"}, "'value' or 'any'"),
        ({"quasi_identifiers": "a", "ordered": {"text": True}}, "not a sensitive column"),
        (
            {"quasi_identifiers": "a", "sensitive": "text", "ordered": {"text": True}},
            "no natural order",
        ),
    ],
)
def test_what_cannot_be_measured_is_refused(options, message):
    with pytest.raises(ConfigError, match=message):
        anonymity(pd.DataFrame(risk_table(0)), **options)


def test_no_rows_and_unknown_columns():
    with pytest.raises(ConfigError, match="no rows"):
        anonymity(pd.DataFrame({"a": pd.Series([], dtype="int64")}), quasi_identifiers="a")
    with pytest.raises(MissingColumnError, match="Did you mean"):
        anonymity(pd.DataFrame({"age": [1]}), quasi_identifiers="agee")
    assert anonymity(pd.DataFrame({"a": [None, None]}), quasi_identifiers="a").k == 2


ON_SPARK_TOO = [
    pytest.param(name, partitions, marks=[pytest.mark.spark, pytest.mark.proof])
    for name in ("spark", "connect")
    for partitions in (1, 3, 7)
]


@pytest.mark.parametrize(
    ("name", "partitions"),
    [("local", 1), ("dask", 1), full("dask", 3), ("dask", 7), *ON_SPARK_TOO],
)
def test_the_guide(reference_data, name, partitions, request):
    texts = {"Gender": str, "Age": str, "Zip": str, "Diagnosis": str}
    data = pd.read_csv(reference_data / "reident" / "data_medical.csv", dtype=texts)
    table = pa.Table.from_pandas(data[[*texts]], preserve_index=False)
    frame = make_case(name, request).make(table, partitions)
    found = anonymity(frame, quasi_identifiers=["Gender", "Age", "Zip"], sensitive="Diagnosis")
    assert (found.k, found.classes, found.l) == (3, 10_000, 1)
