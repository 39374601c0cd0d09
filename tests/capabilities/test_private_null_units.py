"""Rows without a privacy unit: left out, unless the metadata promise that there are none."""

from __future__ import annotations

import pandas as pd
import pytest

from rai_scale.engines import engine_of
from rai_scale.privacy import HashKey, Privacy
from rai_scale.private_queries import exact_aggregates, load_metadata
from rai_scale.private_queries.release.plan import make_plan


def rows_counted(*, nullable: bool, sample_max_ids: bool) -> int:
    """Return the exact number of rows of a table in which one of three has no unit."""
    unit = {"type": "int", "private_id": True, "nullable": nullable}
    table = {"max_ids": 1, "sample_max_ids": sample_max_ids, "id": unit}
    frame = pd.DataFrame({"id": pd.array([1, 2, None], "Int64")})
    metadata = load_metadata({"": {"s": {"t": table}}})
    plan = make_plan("SELECT COUNT(*) AS n FROM s.t", metadata, None, Privacy(epsilon=1, delta=0))
    schema = engine_of(frame).schema(frame)
    return exact_aggregates(plan, frame, HashKey(b"k"), schema)["a0"][0].as_py()


@pytest.mark.parametrize(
    ("nullable", "sample_max_ids", "counted"),
    [(True, False, 2), (True, True, 2), (False, True, 2), (False, False, 3)],
)
def test_the_unit_is_not_read_where_the_metadata_prove_one_row_each(
    nullable, sample_max_ids, counted
):
    assert rows_counted(nullable=nullable, sample_max_ids=sample_max_ids) == counted
