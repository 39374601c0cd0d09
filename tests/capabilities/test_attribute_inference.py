"""Attribute inference: guesses by a plain search, and the excess for rows that a model knows."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from sklearn.tree import DecisionTreeClassifier

from rai_scale.errors import ConfigError
from rai_scale.risk import attribute_inference
from tests.capabilities.risk_engines import CASES
from tests.conftest import make_case

ASKED = {"y_true": "y", "features": ["a", "gene"], "secret": "gene"}


def table(seed: int, rows: int = 300) -> pd.DataFrame:
    """Return rows whose label depends on nothing, so that a deep tree learns them by heart."""
    rng = np.random.default_rng(seed)
    data = pd.DataFrame(
        {"a": rng.normal(size=rows), "gene": rng.choice(3, rows, p=[0.4, 0.3, 0.3])}
    )
    return data.assign(y=rng.integers(0, 4, rows))


def deep(data):
    return DecisionTreeClassifier(random_state=0).fit(data[["a", "gene"]], data["y"])


def guesses(model, data, prior):
    found = []
    for row in data.to_dict("records"):
        scores = {}
        for gene, share in prior.items():
            given = pd.DataFrame({"a": [row["a"]], "gene": [gene]})
            scores[gene] = model.predict_proba(given)[0, row["y"]] * share
        found.append(max(scores, key=scores.get) == row["gene"])
    return sum(found)


def test_guesses_are_those_of_a_plain_search():
    data, others = table(0, 60), table(1, 60)
    model = deep(data)
    prior = pd.concat([data, others])["gene"].value_counts(normalize=True).sort_index().to_dict()
    found = attribute_inference(model, data, others, **ASKED)
    counts = found.counts.set_index("attack")
    assert counts.loc["main", "successes"] == guesses(model, data, prior)
    assert counts.loc["control", "successes"] == guesses(model, others, prior)
    assert counts.loc["naive", "successes"] == (data["gene"] == max(prior, key=prior.get)).sum()


def test_a_model_that_splits_by_the_secret_gives_it_away_and_another_does_not():
    data, others = table(0), table(1)

    class Lookup:
        """Knows the label of each member with its own value, and nothing about others."""

        def __init__(self):
            self.classes_ = np.arange(4)
            self.known = {(a, gene): y for a, gene, y in data.to_numpy()}

        def predict_proba(self, rows):
            found = np.full((len(rows), 4), 0.25)
            for at, key in enumerate(map(tuple, rows.to_numpy())):
                if key in self.known:
                    found[at] = np.eye(4)[int(self.known[key])]
            return found

    assert attribute_inference(Lookup(), data, others, **ASKED).risk[0] > 0.9
    flat = attribute_inference(lambda rows: np.full((len(rows), 4), 0.25), data, others, **ASKED)
    assert flat.risk[1] == 0
    assert not flat.beats_naive


@pytest.mark.parametrize("name", CASES)
def test_engines_agree(name, request):
    data = [table(0, 80), table(1, 80)]
    case = make_case(name, request)
    frames = [case.make(pa.Table.from_pandas(one, preserve_index=False), 3) for one in data]
    model = deep(data[0])
    expected = attribute_inference(model, *data, attacks=50, **ASKED).counts
    found = attribute_inference(model, *frames, attacks=50, **ASKED).counts
    pd.testing.assert_frame_equal(found, expected)


def test_wrong_input_is_one_message():
    data, model = table(0, 30), deep(table(0, 30))
    wrong = [
        ("not one of the features", data, {"secret": "y"}),
        ("has 1 values", data.assign(gene=1), {}),
        ("has 60 nulls", data.assign(gene=np.nan), {}),
        ("at least 1", data, {"attacks": 0}),
    ]
    for message, rows, options in wrong:
        with pytest.raises(ConfigError, match=message):
            attribute_inference(model, rows, rows, **{**ASKED, **options})
