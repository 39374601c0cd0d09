"""Laws of redaction across engines: any partitioning on any engine equals the local whole."""

from __future__ import annotations

import pyarrow as pa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import rai_scale
from tests.capabilities.presidio_alone import MODEL
from tests.properties.test_redact_laws import CELLS

# one job of Spark costs a second: few examples, each a whole table
FEW = settings(
    max_examples=6,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)


@FEW
@given(first=CELLS, second=CELLS, partitions=st.integers(1, 5))
def test_every_engine_and_partitioning_equals_the_local_whole(
    cluster_case, first, second, partitions
):
    rows = max(len(first), len(second))
    cells = [cells + [None] * (rows - len(cells)) for cells in (first, second)]
    table = pa.table(
        [pa.array(range(rows), pa.int64()), *(pa.array(c, pa.string()) for c in cells)],
        names=["id", "a", "b"],
    )
    options = {"model": MODEL, "details": True, "whole_columns": {"b": "PERSON"}}
    whole = rai_scale.redact(table, "a", **options)
    frame = rai_scale.redact(cluster_case.make(table, partitions), "a", **options)
    found = cluster_case.engine.collect(frame).sort_by("id")
    assert found.to_pylist() == whole.to_pylist()
    assert found.column_names == whole.column_names
