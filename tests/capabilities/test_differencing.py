"""Published tables that subtract to a few rows: by the rows, by all differences, on every engine."""

from __future__ import annotations

from itertools import product

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from rai_scale.errors import ConfigError, MissingColumnError, TooManyGroupsError
from rai_scale.risk import differencing_risk
from tests.capabilities.risk_engines import CASES
from tests.conftest import full, make_case

K = 5


def people(seed: int, rows: int = 60) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    return pd.DataFrame({name: rng.choice([*values], rows) for name, values in
                         {"a": "xyz", "b": "pqr", "c": "uv"}.items()})  # fmt: skip


def counted(rows: pd.DataFrame, names, hide=0.0, rng=None) -> pd.DataFrame:
    if not names:
        return pd.DataFrame({"count": [len(rows)]})
    table = rows.groupby(list(names)).size().reset_index(name="count")
    table["count"] = table["count"].astype("Int64")
    if hide:
        table.loc[rng.random(len(table)) < hide, "count"] = pd.NA
    return table


def shown(rows: pd.DataFrame, names, table: pd.DataFrame) -> pd.Series:
    """Return which rows are in a group whose count is shown."""
    seen = table[table["count"].notna()].assign(seen=True).drop(columns="count")
    return rows.merge(seen, on=list(names), how="left")["seen"].notna()


@pytest.mark.parametrize("seed", range(20))
def test_a_pair_gives_all_differences_that_count_rows(seed):
    rng = np.random.default_rng(seed)
    rows = people(seed, rows=40)
    tables = {n: counted(rows, n, 0.3, rng) for n in (("a", "c"), ("b", "c"))}
    found = differencing_risk({"".join(n): t for n, t in tables.items()}, k=K).findings
    for row in found[found["kind"] == "difference"].to_dict("records"):
        where = dict(part.split("=") for part in row["group"].split(", "))
        inside = (rows[list(where)] == pd.Series(where)).all(axis=1)
        assert (
            row["rows"] == (inside & ~shown(rows, row["table"], tables[tuple(row["table"])])).sum()
        )
    for c in "uv":  # every combination of shown counts of one c that is a set of rows
        parts = [t[(t["c"] == c) & t["count"].notna()] for t in tables.values()]
        atoms = [t.loc[t["c"] == c].iloc[:, 0].to_numpy() for t in tables.values()]
        grids = [np.array([np.isin(atoms[i], one) for one in part.iloc[:, 0]]) for i, part in
                 enumerate(parts)]  # fmt: skip
        least = []
        for weights in product((-1, 0, 1), repeat=sum(map(len, parts))):
            mine, theirs = np.split(np.array(weights), [len(parts[0])])
            one = mine @ grids[0] if len(mine) else np.zeros(len(atoms[0]))
            two = theirs @ grids[1] if len(theirs) else np.zeros(len(atoms[1]))
            each = one[:, None] + two[None, :]
            if np.isin(each, (0, 1)).all() and each.any():
                counts = [part["count"].to_numpy(dtype=int) for part in parts]
                least.append(mine @ counts[0] + theirs @ counts[1])
        risky = [value for value in least if 0 < value < K]
        here = found[found["group"].str.contains(f"c={c}") & (found["kind"] != "solved")]
        assert (min(risky) if risky else None) == (here["rows"].min() if len(here) else None)


@pytest.mark.parametrize("seed", range(20))
def test_hidden_counts_that_follow_are_those_of_the_rows(seed):
    rng = np.random.default_rng(seed)
    rows = people(seed)
    tables = {n: counted(rows, n, 0.35 if n == "ab" else 0.0, rng) for n in ("ab", "a", "b", "")}
    found = differencing_risk({n or "all": t for n, t in tables.items()}, k=K).findings
    truth = counted(rows, "ab").set_index(["a", "b"])["count"]
    hidden = tables["ab"].set_index(["a", "b"])["count"].isna()
    known = {}
    for row in found[(found["hidden"] == 1) & (found["columns"] == "a, b")].to_dict("records"):
        known[tuple(part.split("=")[1] for part in row["group"].split(", "))] = row["rows"]
    assert all(truth[cell] == value for cell, value in known.items())
    # by plain rank: a cell follows if its unit vector does not raise the rank of the sums
    cells = list(hidden.index[hidden])
    sums = np.array([[cell[at] == value for cell in cells] for at, values in enumerate(("xyz", "pqr"))
                     for value in values], dtype=float)  # fmt: skip
    rank = np.linalg.matrix_rank(sums) if cells else 0
    follows = {
        cell
        for cell, unit in zip(cells, np.eye(len(cells)), strict=True)
        if np.linalg.matrix_rank(np.vstack([sums, unit])) == rank
    }
    assert set(known) == {cell for cell in follows if 0 < truth[cell] < K}


@pytest.mark.parametrize("partitions", [full(1), 3])
@pytest.mark.parametrize("name", CASES)
def test_engines_and_partitions_agree(name, partitions, request):
    rng = np.random.default_rng(1)
    rows = people(1)
    case = make_case(name, request)
    plain = {n: counted(rows, n, 0.3 if n == "ab" else 0.0, rng) for n in ("ab", "a", "b")}
    order = ["table", "other", "kind", "group"]

    def found(tables):
        return differencing_risk(tables, k=K).findings.sort_values(order, ignore_index=True)

    arrow = {n: pa.Table.from_pandas(t, preserve_index=False) for n, t in plain.items()}
    frames = {n: case.make(t, partitions) for n, t in arrow.items()}
    assert len(found(plain))
    pd.testing.assert_frame_equal(found(frames), found(plain))


def test_rows_outside_of_a_subset_are_counted():
    everyone = pd.DataFrame({"region": ["n", "s"], "age": [30, 30], "count": [50, 40]})
    consented = pd.DataFrame({"region": ["n", "s"], "count": [49, 30]})
    options = {"rows_of": {"consented": "consented"}, "subset_of": {"consented": "all"}}
    tables = {"everyone": everyone, "consented": consented}
    result = differencing_risk(tables, **options)
    [row] = result.findings.to_dict("records")
    assert row == {
        "table": "consented", "other": "everyone", "kind": "difference", "columns": "region",
        "rows": 1, "hidden": 0, "group": "region=n",
    }  # fmt: skip
    assert result.metrics()["difference"] == 1
    assert "region=n" not in result.to_html() + result.to_json() + result.summary()
    with pytest.raises(ConfigError, match="contradict each other in 2 merged groups"):
        differencing_risk(tables)
    with pytest.raises(ConfigError, match="not a subset"):
        differencing_risk({"everyone": consented.assign(count=[60, 1]), "consented": consented}, **options)  # fmt: skip


def test_what_follows_from_one_table_opens_another():
    # c gives (q, u) of bc, which completes b=q, which gives (y, q) of ab
    c = pd.DataFrame({"c": [*"uv"], "count": [60, 60]})
    bc = pd.DataFrame({"b": [*"ppqqrr"], "c": [*"uvuvuv"], "count": [10, None, None, 20, 30, None]})
    ab = pd.DataFrame({"a": [*"xyxyxy"], "b": [*"ppqqrr"], "count": [10, 10, 37, None, 40, None]})
    found = differencing_risk({"c": c, "bc": bc, "ab": ab}).findings
    names = ["table", "other", "kind", "rows", "hidden", "group"]
    assert found[names].to_numpy().tolist() == [
        ["ab", "bc", "difference", 3, 1, "a=y, b=q"],
    ]


def test_nulls_and_numbers_are_values_and_hidden_zeros_are_no_risk():
    left = pd.DataFrame({"zip": [1.0, None], "count": [10, None]})
    right = pd.DataFrame({"zip": pd.array([1, None], "Int64"), "count": [10, 3]})
    found = differencing_risk({"left": left, "right": right}).findings
    assert found["group"].tolist() == ["zip=null"] * 2
    zero = right.assign(count=[10, 0])
    assert not len(differencing_risk({"left": left, "right": zero}).findings)


def test_categories_and_columns_with_names_of_counts():
    rows = people(3).rename(columns={"a": "N", "b": "n"}).astype("category")
    by_both = rows.groupby(["N", "n"], observed=True).size().reset_index(name="count")
    by_one = rows.groupby("N", observed=True).size().reset_index(name="count")
    hidden = by_both.assign(count=by_both["count"].astype(float).mask(by_both.index == 1))
    found = differencing_risk({"both": hidden, "one": by_one}, k=50).findings
    [row] = found[found["kind"] == "difference"].to_dict("records")
    left = by_both.loc[1]
    assert (row["group"], row["rows"]) == (f"N={left['N']}, n={left['n']}", left["count"])


def test_wrong_input_is_one_message():
    good = pd.DataFrame({"g": ["a", "b"], "count": [9, 8]})
    bad = {
        "lists 1 groups more than once": good.assign(g="a"),
        "values that are not counts": good.assign(count=[1.5, 2]),
        "has no rows": good.iloc[:0],
        "cannot be compared": good.assign(g=[[1, 2], [3]]),
        "is string": good.assign(count=["<5", "8"]),
    }
    for message, table in bad.items():
        with pytest.raises(ConfigError, match=message):
            differencing_risk({"t": table})
    with pytest.raises(ConfigError, match="a text never equals a number"):
        differencing_risk({"t": good, "u": good.assign(g=[1, 2])})
    with pytest.raises(MissingColumnError):
        differencing_risk({"t": good}, count="rows")
    with pytest.raises(ConfigError, match="at least 2"):
        differencing_risk({"t": good}, k=1)
    with pytest.raises(ConfigError, match="cannot be a subset of itself"):
        differencing_risk({"t": good}, subset_of={"all": "all"})
    with pytest.raises(ConfigError, match="Did you mean 'count_by_g'"):
        differencing_risk({"count_by_g": good}, rows_of={"count_by_gg": "x"})
    solving = {
        "ab": pd.DataFrame({"a": [*"xxyy"], "b": [*"pqpq"], "count": [None] * 4}).astype({"count": float}),
        "a": pd.DataFrame({"a": [*"xy"], "count": [9, 9]}),
        "b": pd.DataFrame({"b": [*"pq"], "count": [9, 8]}),
    }  # fmt: skip
    with pytest.raises(ConfigError, match="contradict|no hidden counts"):
        differencing_risk(solving)


def test_large_tables_are_refused(monkeypatch):
    monkeypatch.setattr("rai_scale.risk.differencing.MAX_CELLS", 1)
    with pytest.raises(TooManyGroupsError):
        differencing_risk({"t": pd.DataFrame({"g": ["a", "b"], "count": [9, 8]})})
