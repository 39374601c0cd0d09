"""Groups that are intervals or periods: counted as text, and named as Fairlearn names them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pandas as pd
from fairlearn.metrics._disaggregated_result import DisaggregatedResult

from rai_scale.engines.frames import level_maker
from rai_scale.statistics.cells import Cells

if TYPE_CHECKING:
    from rai_scale.fairness.from_cells import Roles
    from rai_scale.fairness.measure import Measured

Makers = Mapping[str, Callable[[str], Any]]


def makers_of(frame: Any, roles: Roles) -> Makers:
    """Return what makes the values of those features that are counted as text."""
    found = {name: level_maker(frame, name) for name in roles.groups}
    return {name: make for name, make in found.items() if make is not None}


def named(keys: pd.DataFrame, makers: Makers) -> pd.DataFrame:
    """Return keys with the values that their texts stand for."""
    columns = {}
    for name, make in makers.items():
        values = {text: make(text) for text in keys[name].unique()}
        columns[name] = pd.Series([values[text] for text in keys[name]], keys.index, object)
    return keys.assign(**columns)


def named_cells(cells: Cells, makers: Makers) -> Cells:
    """Return cells with the values that their texts stand for."""
    return replace(cells, keys=named(cells.keys, makers)) if makers else cells


def named_measures(measured: Measured, frame: Any) -> Measured:
    """Return what was measured with the values that its groups' texts stand for, in order."""
    makers = makers_of(frame, measured.roles)
    if not makers:
        return measured

    def table(values: Any) -> Any:
        index = values.index
        if not set(index.names) & set(makers):
            return values
        levels = named(
            index.to_frame(index=False), {n: makers[n] for n in index.names if n in makers}
        )
        several = isinstance(index, pd.MultiIndex)
        values = values.set_axis(
            pd.MultiIndex.from_frame(levels)
            if several
            else pd.Index(levels.iloc[:, 0].to_numpy(), name=index.name)
        )
        return values.sort_index()

    result = measured.result
    return replace(
        measured,
        result=DisaggregatedResult(table(result.overall), table(result.by_group)),
        cells=named_cells(measured.cells, makers),
        averages=[replace(a, groups=named(a.groups, makers)) for a in measured.averages],
        bounds=None if measured.bounds is None else table(measured.bounds),
    )
