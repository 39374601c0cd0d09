"""Sets of columns that single people out."""

from __future__ import annotations

import math

import pandas as pd
import pytest

from rai_scale.errors import ConfigError
from rai_scale.risk import risky_columns
from tests.peers.risk_tables import risk_table


def test_sets_are_measured_as_by_pandas():
    data = pd.DataFrame(risk_table(4))
    found = risky_columns(data, [*data], depth=2).set_index("columns")
    assert len(found) == 4 + 6
    assert found["uniques"].is_monotonic_decreasing
    for names, row in found.iterrows():
        sizes = data.groupby(names.split(", ")).size()
        shares = sizes / len(data)
        entropy = -sum(share * math.log2(share) for share in shares)
        assert (row["uniques"], row["k"]) == ((sizes == 1).sum(), sizes.min())
        assert row["entropy"] == pytest.approx(entropy, rel=1e-9, abs=1e-12)


def test_people_are_counted_once():
    data = pd.DataFrame({"g": ["a", "a", "b"], "who": [1, 1, 2]})
    assert risky_columns(data, "g", person="who")["uniques"].tolist() == [2]


def test_too_many_sets_are_refused():
    data = pd.DataFrame({f"c{i}": [1] for i in range(30)})
    with pytest.raises(ConfigError, match="4,525 sets"):
        risky_columns(data, [*data])
