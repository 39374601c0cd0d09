"""Groups that are intervals or periods: counted as text, and named as in Fairlearn."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pandas as pd

from rai_scale.engines.frames import level_maker
from rai_scale.statistics.cells import Cells

if TYPE_CHECKING:
    from rai_scale.measures.from_cells import Roles

Makers = Mapping[str, Callable[[str], Any]]


def makers_of(frame: Any, roles: Roles) -> Makers:
    """Return the functions that restore the values of features that are counted as text."""
    found = {name: level_maker(frame, name) for name in roles.groups}
    return {name: make for name, make in found.items() if make is not None}


def named(keys: pd.DataFrame, makers: Makers) -> pd.DataFrame:
    """Return keys with the original values instead of texts."""
    columns = {}
    for name, make in makers.items():
        values = {text: make(text) for text in keys[name].unique()}
        columns[name] = pd.Series([values[text] for text in keys[name]], keys.index, object)
    return keys.assign(**columns)


def named_cells(cells: Cells, makers: Makers) -> Cells:
    """Return cells with the original values instead of texts."""
    return replace(cells, keys=named(cells.keys, makers)) if makers else cells
