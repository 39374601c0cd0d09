"""Linkage attacks: the guide's figures, all pairs compared in Python, types, chance, engines."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from rai_scale.engines import engine_named
from rai_scale.errors import ConfigError, MissingColumnError
from rai_scale.risk import linkage_attack, linkage_pairs
from rai_scale.risk.bands import parsed
from tests.capabilities.risk_engines import CASES, ON_SPARK
from tests.conftest import full, make_case

BAND = [("equal", "Gender"), ("within_band", "Age"), ("prefix", "Zip", 3)]
EXACT = [("equal", "Gender"), ("equal", "Age"), ("equal", "Zip")]
ON = [
    ("equal", "g"),
    ("within_band", ("band", "age")),
    ("prefix", ("code", "zip"), 2),
    ("near", ("pay", "income"), 2.5),
]


def people(seed: int, rows: int = 60) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return a published and a known table, with nulls and shared ids."""
    rng = np.random.default_rng(seed)
    bands = np.array(["0-9", "10-19", "15-40", "[5, 10)", "(10, 12]", "30+", "<8", "odd", None])
    codes = [f"{n:03}" for n in range(0, 300, 7)]
    published = pd.DataFrame(
        {
            "id": rng.integers(0, rows, rows),
            "g": rng.choice(["a", "b", None], rows, p=[0.5, 0.4, 0.1]),
            "band": rng.choice(bands, rows),
            "code": rng.choice(codes, rows),
            "pay": rng.integers(0, 20, rows) / 2 - 3,
        }
    )
    known = pd.DataFrame(
        {
            "id": rng.integers(0, rows, rows),
            "g": rng.choice(["a", "b", None], rows, p=[0.4, 0.5, 0.1]),
            "age": rng.integers(0, 45, rows),
            "zip": rng.choice(codes, rows),
            "income": rng.integers(0, 8, rows).astype(float),
        }
    )
    return published, known


def matches(p, k) -> bool:
    """Compare one published row with one known row."""
    band = parsed(p.band) if p.band is not None else None
    if p.g is None or p.g != k.g or band is None or p.code[:2] != k.zip[:2]:
        return False
    over = band.low < k.age or (band.low == k.age and not band.low_open)
    under = band.high > k.age or (band.high == k.age and not band.high_open)
    return over and under and abs(p.pay - k.income) <= 2.5


def all_pairs(published, known) -> list[tuple[int, int]]:
    """Return candidates and true ones of each known row."""
    found = []
    rows = list(published.itertuples())
    for k in known.itertuples():
        hits = [p for p in rows if matches(p, k)]
        found.append((len(hits), sum(p.id == k.id for p in hits)))
    return sorted(found)


def check_like_all_pairs(case, published, known, partitions):
    made = [
        case.make(pa.Table.from_pandas(t, preserve_index=False), partitions)
        for t in (published, known)
    ]
    found = linkage_attack(*made, on=ON, truth="id")
    spread = found.sizes.loc[found.sizes.index.repeat(found.sizes["rows"])]
    assert sorted(zip(spread["candidates"], spread["true"], strict=True)) == all_pairs(
        published, known
    )
    return found, made


@pytest.mark.parametrize("seed", [0, *(full(seed) for seed in range(1, 12))])
def test_counts_are_those_of_all_pairs(seed, request):
    case = make_case("pandas", request)
    check_like_all_pairs(case, *people(seed, 60 + 20 * seed), 1)


@pytest.mark.parametrize("name", CASES)
def test_engines_agree(name, request):
    case = make_case(name, request)
    published, known = people(20)
    found, made = check_like_all_pairs(case, published, known, 3)
    alone = linkage_attack(published, known, on=ON, truth="id")
    pd.testing.assert_frame_equal(found.baseline, alone.baseline, rtol=1e-9)
    assert found.notes == alone.notes
    pairs = linkage_pairs(*made, on=ON, row_ids="id")
    assert len(case.rows(pairs)) == sum(c for c, _ in all_pairs(published, known))


def guide(reference_data, name: str) -> pd.DataFrame:
    texts = {"Gender": str, "Zip": str, "ID": str}
    return pd.read_csv(reference_data / "reident" / name, dtype=texts)[["ID", *_COMPARED]]


_COMPARED = ["Gender", "Age", "Zip"]


@pytest.mark.parametrize("partitions", [1, full(3), full(7)])
@pytest.mark.parametrize("name", ["local", full("dask"), *ON_SPARK])
def test_the_guides_figures(reference_data, name, partitions, request):
    case = make_case(name, request)

    def frame(table):
        return case.make(pa.Table.from_pandas(table, preserve_index=False), partitions)

    published, known = (
        guide(reference_data, f"data_{part}.csv") for part in ("medical", "demographic")
    )
    found = linkage_attack(frame(published), frame(known), on=BAND, truth="ID")
    assert (found.with_candidate, found.true_among) == (30_000, 30_000)
    assert found.expected_right == pytest.approx(10_000)
    assert found.sd == pytest.approx(81.65, abs=0.005)
    # 30 real shuffles gave 25,718 (sd 89)
    assert found.baseline["mean"][0] == pytest.approx(25_718, abs=60)
    assert not found.notes
    lost = [
        table.assign(Zip=table["Zip"].str.strip("*").astype(int).astype(str))
        for table in (published, known)
    ]
    found = linkage_attack(*map(frame, lost), on=BAND, truth="ID")
    assert (found.with_candidate, found.true_among) == (28_962, 27_189)
    assert found.expected_right == pytest.approx(9_063)
    assert found.sd == pytest.approx(77.73, abs=0.005)
    assert sum("lose leading zeros" in note for note in found.notes) == 2
    numbers = known.assign(Zip=known["Zip"].astype(int))
    with pytest.raises(ConfigError, match="leading zeros"):
        linkage_attack(frame(published), frame(numbers), on=BAND)
    found = linkage_attack(frame(known), frame(known), on=EXACT, truth="ID")
    shuffled, uniform = found.baseline["mean"]
    assert found.true_among == 30_000
    # 30 real shuffles gave 252 (219 to 281); uniform zips 42 to 63
    assert shuffled == pytest.approx(252, abs=6)
    assert 42 < uniform < 63
    assert found.over_baseline == pytest.approx(30_000 / shuffled)


@pytest.mark.parametrize("on", [[("equal", "g"), ("equal", "code")], [("prefix", "code", 1)]])
def test_the_baseline_is_the_mean_of_real_shuffles(on):
    rng = np.random.default_rng(3)
    data = pd.DataFrame({"g": rng.choice(list("aab"), 300), "code": rng.choice(90, 300)})
    data["code"] = data["code"].astype(str).str.zfill(2) + "x"
    found = linkage_attack(data.head(200), data.tail(100), on=on)
    width = 1 if on[0][0] == "prefix" else 9
    names = [column for _, column, *_ in on]

    def keys(table):
        return set(zip(*(table[name].astype(str).str[:width] for name in names), strict=True))

    wanted = data.tail(100)
    known = list(zip(*(wanted[name].str[:width] for name in names), strict=True))
    counts = []
    for _ in range(200):
        mixed = pd.DataFrame({name: rng.permutation(data[name].head(200)) for name in names})
        there = keys(mixed)
        counts.append(sum(key in there for key in known))
    error = np.std(counts) / np.sqrt(len(counts)) + 0.3
    assert found.baseline["mean"][0] == pytest.approx(np.mean(counts), abs=4 * error)
    assert found.baseline["lowest"][0] <= np.mean(counts) <= found.baseline["highest"][0]


@pytest.mark.parametrize(
    ("on", "message"),
    [
        ([("equal", "zip")], "never equals a number"),
        ([("prefix", "zip", 3)], "text in both tables"),
        ([("near", "name", 3)], "numbers in both"),
        ([("within_band", "age")], "'20-29'"),
        ([("equals", "name")], "Did you mean 'equal'"),
        ([("prefix", "name")], "number of characters"),
        ([], "at least one condition"),
    ],
)
def test_what_cannot_be_compared_is_refused_without_a_value(on, message):
    published = pd.DataFrame({"zip": ["01234"], "name": ["Ann Secret"], "age": [30]})
    known = pd.DataFrame({"zip": [1234], "name": ["Ann Secret"], "age": [30]})
    with pytest.raises(ConfigError, match=message) as error:
        linkage_attack(published, known, on=on)
    assert not any(value in str(error.value) for value in ("1234", "Secret"))


def test_no_rows_unknown_columns_and_nulls():
    data = pd.DataFrame({"g": ["a", "a ", None]})
    with pytest.raises(ConfigError, match="known table has no rows"):
        linkage_attack(data, data.head(0).astype(object), on=[("equal", "g")])
    with pytest.raises(MissingColumnError):
        linkage_attack(data, data, on=[("equal", "gg")])
    found = linkage_attack(data, data, on=[("equal", "g")])
    assert (found.with_candidate, found.unique, found.true_among) == (2, 2, None)
    assert "spaces around" in found.notes[0]
    assert found.to_dict()["precision"] is None
    empty = pd.DataFrame({"g": pd.Series([None, None], dtype=object)})
    assert linkage_attack(empty, empty, on=[("equal", "g")]).with_candidate == 0


def test_a_value_of_a_fifth_of_all_rows_makes_no_pairs():
    rng = np.random.default_rng(1)
    zips = np.where(rng.random(200_000) < 0.2, "00000", rng.integers(10_000, 90_000, 200_000))
    table = pa.table({"zip": zips.astype(str), "age": rng.integers(0, 90, 200_000)})
    frame = engine_named("local").from_arrow(table)
    found = linkage_attack(frame, frame, on=[("equal", "zip"), ("near", "age", 3)])
    # 40,000 x 40,000 rows share a zip; 90 x 90 cells do
    assert found.with_candidate == 200_000


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("20-29", (20, 29)),
        (" 20 to 29 ", (20, 29)),
        ("[20, 30)", (20, 30)),
        ("-5–-1", (-5, -1)),
        ("90+", (90, np.inf)),
        (">=90", (90, np.inf)),
        ("<18", (-np.inf, 18)),
        ("*", (-np.inf, np.inf)),
        ("37", (37, 37)),
        ("twenty", None),
        ("1-2-3", None),
    ],
)
def test_bands_are_read(text, expected):
    found = parsed(text)
    assert (found and (found.low, found.high)) == expected
