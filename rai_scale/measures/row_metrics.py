"""Metrics that need rows: all rows of a group at once, one group per call on a worker."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import cloudpickle
import numpy as np
import pandas as pd
import pyarrow as pa

from rai_scale.engines.key_values import key_values, number_values
from rai_scale.measures.from_cells import Roles
from rai_scale.measures.metrics import Metric
from rai_scale.upstream.fairlearn import DisaggregatedResult

EVERYTHING = "_rai_all"
VALUES = "_rai_values"


@dataclass(frozen=True)
class RowMetrics:
    """Table function: one row with the pickled values of the metrics on all rows it is given."""

    keys: tuple[str, ...]
    roles: Roles
    metrics: tuple[Metric, ...]
    outputs: pa.Schema

    def __call__(self, table: pa.Table) -> pa.Table:
        """Call each metric once; this program writes and reads the pickle."""
        values = {metric.name: self._value(metric, table) for metric in self.metrics}
        payload = pa.array([cloudpickle.dumps(values)], pa.binary())
        keys = [table[key].slice(0, 1) for key in self.keys]
        return pa.table([*keys, payload], schema=self.outputs)

    def _value(self, metric: Metric, table: pa.Table) -> Any:
        params = {name: _values(table, column) for name, column in metric.params.items()}
        y_true, y_pred = _values(table, self.roles.y_true), _values(table, self.roles.y_pred)
        return metric.function(y_true, y_pred, **params)


@dataclass(frozen=True)
class OneKey:
    """Table function: the same key for every row, so that all rows form one group."""

    cheap = True

    def __call__(self, table: pa.Table) -> pa.Table:
        """Return a column of zeros."""
        return pa.table({EVERYTHING: pa.array(np.zeros(table.num_rows, np.int8))})


def _values(table: pa.Table, column: str) -> np.ndarray:
    values = number_values(table[column])
    return np.stack(list(values)) if values.dtype == object else values


def measure_rows(
    engine: Any, frame: Any, roles: Roles, metrics: Sequence[Metric]
) -> DisaggregatedResult:
    """Compute metrics by group and overall from rows; one worker gets the whole table."""
    by_group = _by(engine, frame, roles, metrics, roles.groups)
    if roles.control:
        return DisaggregatedResult(_by(engine, frame, roles, metrics, roles.control), by_group)
    outputs = pa.schema([(EVERYTHING, pa.int8())])
    inputs = [roles.y_true]
    whole = engine.with_columns(frame, OneKey(), outputs, inputs=inputs, label="overall")
    overall = _by(engine, whole, roles, metrics, [EVERYTHING])
    return DisaggregatedResult(overall.iloc[0].rename(None), by_group)


def _by(
    engine: Any, frame: Any, roles: Roles, metrics: Sequence[Metric], keys: Sequence[str]
) -> pd.DataFrame:
    schema = engine.schema(frame)
    outputs = pa.schema([*(schema.field(key) for key in keys), (VALUES, pa.binary())])
    function = RowMetrics(tuple(keys), roles, tuple(metrics), outputs)
    inputs = list(dict.fromkeys([*keys, *roles.keys(metrics)]))
    table = engine.collect(
        engine.map_groups(frame, keys, function, outputs, inputs=inputs, label="metrics of groups")
    )
    index = pd.DataFrame({key: key_values(table[key]) for key in keys})
    rows = [pd.Series(cloudpickle.loads(payload)) for payload in table[VALUES].to_pylist()]
    found = pd.DataFrame(rows).set_index(
        pd.MultiIndex.from_frame(index) if len(keys) > 1 else pd.Index(index[keys[0]])
    )
    return found.sort_index()
