"""The private mode: exact counts on every engine, sensitivity, charges, and intervals that hold."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from rai_scale.engines import engine_of
from rai_scale.errors import BudgetExceededError, ConfigError, MissingColumnError
from rai_scale.privacy import ColumnBins, Privacy, open_ledger
from rai_scale.risk import release_class_counts, release_class_sizes
from rai_scale.risk.private_risk import exact_sizes
from tests.capabilities.risk_engines import CASES
from tests.conftest import full, make_case

KEYS = ["a", "b"]
BINS = ColumnBins(bounds={"a": [1.5]}, categories={"b": ["x", "y"]})
EXACT = Privacy(privacy_unit="who", epsilon=1e6, ledger="none")  # noise that rounds to 0
pytestmark = pytest.mark.filterwarnings("ignore::rai_scale.privacy.PrivacyWarning")


def people(seed: int, rows: int = 300, people_: int = 200) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    data = pd.DataFrame({"a": rng.geometric(0.08, rows), "b": rng.choice([*"xyz"], rows)})
    data["who"] = [f"p{i}" for i in rng.integers(0, people_, rows)]
    data.loc[rng.random(rows) < 0.05, "b"] = None
    data.loc[:2, "who"] = None
    return data


def plain_sizes(data: pd.DataFrame, largest: int) -> np.ndarray:
    known = data[data["who"].notna()].assign(b=data["b"].fillna("null"))
    size = known.groupby(KEYS)["who"].nunique().clip(upper=largest)
    return np.bincount(size, minlength=largest + 1)[1:]


@pytest.mark.parametrize("partitions", [full(1), 3])
@pytest.mark.parametrize("name", CASES)
def test_sizes_are_counted_alike_everywhere(name, partitions, request):
    data = people(0)
    frame = make_case(name, request).make(
        pa.Table.from_pandas(data, preserve_index=False), partitions
    )
    found = release_class_sizes(frame, quasi_identifiers=KEYS, privacy=EXACT, max_rows=50)
    assert found.counts.tolist() == plain_sizes(data, 10).tolist()
    assert (found.sizes["low"] == found.sizes["classes"]).all()
    assert found.people_under(3)[0] == found.counts[0] + 2 * found.counts[1]
    assert found.k_at_most == 1
    # the rows of a person that are kept are the same ones on every engine
    own = [exact_sizes(engine_of(f), f, KEYS, "who", (6, 1), 11) for f in (frame, data)]
    assert own[0].tolist() == own[1].tolist()
    classes = release_class_counts(frame, privacy=EXACT, declared=BINS)
    assert len(classes.classes) == 3 * 3
    assert classes.counts.sum() == data["who"].nunique()  # one row per person


def test_one_person_changes_no_more_than_the_noise_is_for():
    worst = 0
    for seed in range(2):
        data = people(seed, 60, 12)
        for most in (1, 3):
            for who in data["who"].dropna().unique()[:4]:
                both = [
                    exact_sizes(engine_of(one), one, KEYS, "who", (4, most), seed)
                    for one in (data, data[data["who"] != who])
                ]
                gap = np.abs(both[0] - both[1])
                assert gap.sum() <= 2 * most
                assert (gap**2).sum() <= 2 * most**2
                worst = max(worst, gap.sum() / most)
    assert worst == 2
    asked = Privacy(privacy_unit="who", epsilon=0.5, ledger="none")
    found = release_class_sizes(people(0), quasi_identifiers=KEYS, privacy=asked, max_rows=3)
    assert found.noise.scale == pytest.approx(2 * 3 / 0.5)
    gauss = Privacy(privacy_unit="who", rho=0.5, ledger="none")
    found = release_class_sizes(people(0), quasi_identifiers=KEYS, privacy=gauss, max_rows=3)
    assert found.noise.scale == pytest.approx(np.sqrt(2) * 3)


def test_each_release_is_charged_and_no_more_than_there_is():
    ledger = open_ledger("sqlite://", force_ephemeral=True)
    ledger.create_scope("default", epsilon=2)
    asked = {"privacy_unit": "who", "epsilon": 1, "ledger": ledger}
    sized = {"quasi_identifiers": KEYS, "privacy": Privacy(**asked, snapshot="1", dataset="d")}
    first, second = (release_class_sizes(people(0), **sized) for _ in range(2))
    assert (first.counts == second.counts).all()  # one release, shown twice
    release_class_counts(people(0), privacy=Privacy(**asked), declared=BINS)
    assert ledger.budget("default")["spent"].iloc[0] == 2
    with pytest.raises(BudgetExceededError):
        release_class_sizes(people(0), **sized, largest=5)


def test_intervals_hold_together():
    once, held = people(1).drop_duplicates("who"), 0
    truth = plain_sizes(once, 10)
    asked = Privacy(privacy_unit="who", epsilon=1, ledger="none")
    first = release_class_sizes(once, quasi_identifiers=KEYS, privacy=asked, confidence=0.9)
    for _ in range(200):
        found = replace(first, counts=first.noise.draw(truth))
        table = found.sizes
        held += bool(((table["low"] <= truth) & (truth <= table["high"])).all())
        low, high = found.people_under(5)[1:]
        assert low <= high
    assert held >= 168  # 90 % of 200, with 99 % confidence
    assert "epsilon 1" in found.notes[0]


def test_wrong_input_is_one_message():
    sized = {"quasi_identifiers": KEYS, "privacy": EXACT}
    wrong = {
        "at least 2": {"largest": 1},
        "integer of at least 1": {"max_rows": 0},
        "between 0 and 1": {"confidence": 1},
        "at least one column": {"quasi_identifiers": []},
        "named as": {"quasi_identifiers": ["a", "who"]},
        "privacy_unit is missing": {"privacy": Privacy(epsilon=1, ledger="none")},
    }
    for message, options in wrong.items():
        with pytest.raises(ConfigError, match=message):
            release_class_sizes(people(0), **sized | options)
    with pytest.raises(MissingColumnError):
        release_class_sizes(people(0).drop(columns="a"), **sized)
    with pytest.raises(ConfigError, match="k must be from 2 to 10"):
        release_class_sizes(people(0), **sized).people_under(11)
    none = release_class_sizes(people(0).iloc[:0], **sized)
    assert (none.counts == 0).all()
    assert none.k_at_most is None
