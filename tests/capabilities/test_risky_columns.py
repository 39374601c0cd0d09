"""Sets of columns that single people out."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from rai_scale.errors import ConfigError
from rai_scale.risk import risky_columns
from tests.capabilities.risk_engines import ON_SPARK
from tests.conftest import full, make_case
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
    data = pd.DataFrame({f"c{i}": [1] for i in range(40)})
    with pytest.raises(ConfigError, match="10,700 sets"):
        risky_columns(data, [*data])


@pytest.mark.parametrize("name", ["local", full("dask"), *ON_SPARK])
def test_many_sets_are_sketched_and_the_worst_counted(name, request):
    rng = np.random.default_rng(0)
    rows = 60_000
    data = pd.DataFrame({f"c{n}": rng.integers(0, 4 + 9 * n, rows) for n in range(5)})
    frame = make_case(name, request).make(pa.Table.from_pandas(data, preserve_index=False), 3)
    every = risky_columns(data, [*data], depth=3).set_index("columns")
    found = risky_columns(frame, [*data], depth=3, exact=3).set_index("columns")
    assert every["exact"].all()
    assert found.index[found["exact"]].tolist() == every.index[:3].tolist()
    assert found.iloc[:3].equals(every.iloc[:3])
    worst = every.index[3:8]
    assert found.loc[worst, "uniques"].to_numpy() == pytest.approx(
        every.loc[worst, "uniques"], rel=0.2
    )
    assert found.loc[worst, "entropy"].to_numpy() == pytest.approx(
        every.loc[worst, "entropy"], rel=0.05
    )
