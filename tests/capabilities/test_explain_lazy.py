"""Nothing of a frame is explained before it is collected, and a background may be any frame."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from sklearn.linear_model import LinearRegression

from rai_scale.engines import engine_named
from rai_scale.explanations import add_reasons, explain
from rai_scale.models import Background, sample_rows
from tests.capabilities.explained import NAMES, make, values
from tests.capabilities.noting_model import NotesRows
from tests.conftest import engine_params, make_case


@pytest.mark.parametrize("name", engine_params(["local", "dask", "spark"]))
@pytest.mark.parametrize("keys", [None, ["id"]], ids=["all_columns", "keys"])
def test_the_model_sees_no_row_before_collect(name, keys, request, tmp_path):
    if (name, keys) == ("spark", None):
        pytest.skip("one job of Spark is enough")
    case, model = make_case(name, request), NotesRows(str(tmp_path))
    rng = np.random.default_rng(0)
    background = pd.DataFrame(rng.normal(size=(5, 2)), columns=["f0", "f1"])
    rows = background.assign(f0=background.f0 + 2 * NotesRows.first, id=range(5))
    frame = case.make(pa.Table.from_pandas(rows, preserve_index=False), 2)
    asked = {"features": ["f0", "f1"], "background": background, "key_columns": keys}
    found = add_reasons(explain(frame, model, **asked), features=["f0", "f1"])
    assert not list(tmp_path.iterdir())
    table = case.engine.collect(found)
    assert table.num_rows == 5
    assert list(tmp_path.iterdir())


def test_a_background_may_be_a_frame_of_any_engine(engine_case):
    frame, _ = make()
    model = LinearRegression().fit(frame, frame.f0 - frame.f1)
    table = pa.Table.from_pandas(frame.round(1), preserve_index=False)
    drawn = sample_rows(engine_named("local"), table, NAMES, 30, 2).to_pandas()
    given = engine_case.make(table, 3)
    asked = {"features": NAMES, "random_state": 2}
    found = explain(frame[:4], model, background=Background(30, given), **asked)
    if engine_case.name == "pandas":
        drawn = given  # the caller's own rows, all of them
    expected = explain(frame[:4], model, background=drawn, **asked)
    np.testing.assert_allclose(found.base_value, expected.base_value, atol=1e-12)
    np.testing.assert_allclose(values(found), values(expected), atol=1e-12)
