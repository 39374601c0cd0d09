"""Any measure of rows, such as gaps between groups: on the real, synthetic and independent rows."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from rai_scale.engines.choose import engine_of
from rai_scale.errors import ConfigError
from rai_scale.results import Result, Tables
from rai_scale.synthetic.counting import check_frame
from rai_scale.synthetic.domain import Domain, Values
from rai_scale.synthetic.drawing import drawn_frame
from rai_scale.synthetic.fitting import columns_alone
from rai_scale.synthetic.measure_utility import INTERNAL
from rai_scale.synthetic.synthesizer import Synthesizer

Measure = Callable[[Any], Mapping[str, float]]
DRAWS = 5


@dataclass(frozen=True)
class DeclaredRows:
    """Table function: rows with the declared values, and with the labels of bins.

    Rows without a unit, and rows with a value that has no code, are removed.
    """

    domain: Domain
    unit: str | None
    outputs: pa.Schema

    def __call__(self, table: pa.Table) -> pa.Table:
        """Return the declared columns."""
        keep = np.ones(table.num_rows, dtype=bool)
        if self.unit is not None:
            keep &= np.asarray(pc.is_valid(table[self.unit]))
        columns = []
        for name, declared in self.domain.columns:
            codes = declared.codes(table[name])
            keep &= codes >= 0
            codes = np.maximum(codes, 0)
            if isinstance(declared, Values):
                columns.append(declared.decoded(codes, codes))
            else:
                columns.append(pa.array(declared.names()).take(pa.array(codes)))
        return pa.table(columns, schema=self.outputs).filter(pa.array(keep))


@dataclass(frozen=True, repr=False)
class MeasureReport(Result):
    """What a measure is on the real rows, and on rows that were made.

    Attributes
    ----------
    values : pandas.DataFrame
        One row per ``measure``: ``real``, ``synthetic`` and ``independent`` (means over samples),
        ``synthetic_sd`` and ``independent_sd`` (their standard deviations); float64.
    """

    values: pd.DataFrame

    def totals(self) -> Mapping[str, Any]:
        """The number of measures."""
        return {"measures": len(self.values)}

    def _numbers(self) -> Mapping[str, float]:
        return {
            f"{row['measure']}.{name}": float(row[name])
            for row in self.values.to_dict("records")
            for name in ("real", "synthetic", "independent")
        }

    def _tables(self) -> Tables:
        return {"values": lambda: self.values}

    def _remarks(self) -> Sequence[str]:
        return [INTERNAL]


def measure_report(
    frame: Any,
    made: Synthesizer,
    measure: Measure,
    *,
    privacy_unit: str,
    rows: int | None = None,
    draws: int = DRAWS,
    random_state: int = 0,
) -> MeasureReport:
    """Compute a measure on the real rows, on samples of a model and on independent columns.

    Parameters
    ----------
    frame : DataFrame of pandas, Dask or Spark, DuckDB relation, pyarrow.Table
        The table that the model was made from, or other rows of the same kind.
    made : Synthesizer
    measure : callable
        Takes a frame and returns numbers by name, such as the differences of a ``metric_frame``.
        The frame is of the engine of ``frame`` and has the declared columns: values as declared
        (``other`` included), and for bins their labels, as text.
    privacy_unit : str
        The column that identifies a person.
    rows : int, optional
        Rows of each sample; by default the estimated number of rows.
    draws : int
        How many samples of either kind are measured.
    random_state : int

    Returns
    -------
    MeasureReport

    Raises
    ------
    ConfigError
        If the table does not fit the domain of the model, or an option is out of range.
    """
    if draws < 1:
        raise ConfigError("draws must be at least 1.")
    domain, engine = made.domain, engine_of(frame)
    checked = check_frame(engine, frame, domain, privacy_unit)
    number = max(1, round(made.total)) if rows is None else rows
    schema = declared_schema(domain)

    def declared(own: Any, unit: str | None) -> Any:
        inputs = [*domain.names, *([] if unit is None else [unit])]
        function = DeclaredRows(domain, unit, schema)
        return engine.map_partitions(own, function, schema, inputs=inputs, label="declared rows")

    found = {"real": [measure(declared(checked, privacy_unit))]}
    trees = {"synthetic": made.tree, "independent": columns_alone(made.measured, made.total)}
    for kind, tree in trees.items():
        seeds = np.random.SeedSequence(random_state).generate_state(draws)
        drawn = (drawn_frame(tree, domain, number, int(seed), like=checked) for seed in seeds)
        found[kind] = [measure(declared(sample, None)) for sample in drawn]
    table = pd.DataFrame({"measure": list(found["real"][0])})
    for kind, values in found.items():
        each = pd.DataFrame([{k: float(v) for k, v in one.items()} for one in values])
        table[kind] = table["measure"].map(each.mean())
        if kind != "real":
            table[f"{kind}_sd"] = table["measure"].map(each.std(ddof=1))
    return MeasureReport(table)


def declared_schema(domain: Domain) -> pa.Schema:
    """Return the columns of rows with declared values and labels of bins."""
    return pa.schema(
        [
            (name, declared.output if isinstance(declared, Values) else pa.string())
            for name, declared in domain.columns
        ]
    )
