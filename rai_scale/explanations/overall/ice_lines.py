"""Individual conditional expectation (ICE): the lines of single rows of a partial dependence."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from rai_scale.errors import ConfigError, check_columns
from rai_scale.explanations.overall.dependence import term_outputs
from rai_scale.explanations.overall.dependence_result import Ice
from rai_scale.explanations.overall.grids import FeatureGrid, Term, make_terms
from rai_scale.models.background import Background, sample_rows
from rai_scale.models.columns import model_frame
from rai_scale.models.ready_model import SharedObject, SharedOutput, ready_model
from rai_scale.names import names_of


def ice(
    frame: Any,
    model: Any,
    *,
    features: str | Sequence[str],
    of: str | Sequence[str | tuple[str, str]] | None = None,
    rows: int = 100,
    key_columns: str | Sequence[str] = (),
    grid: FeatureGrid | None = None,
    background: Background | Any = None,
    explain_class: Any = None,
    random_state: int = 0,
) -> Ice:
    """Compute the individual conditional expectation of a sample of rows; executes.

    Parameters
    ----------
    frame, model, features, of, grid, background, explain_class
        As in :func:`rai_scale.explanations.partial_dependence`; the grid is computed from all rows.
    rows : int
        Number of rows to draw, uniformly, by keyed hashes of features and key columns.
    key_columns : list of str
        Columns that identify the row of each line in the result.
    random_state : int
        Seed of the drawn rows.

    Returns
    -------
    Ice
        Equal to scikit-learn's ``partial_dependence(kind="individual")`` on those rows.

    Raises
    ------
    ConfigError
        If an argument is invalid.
    MissingColumnError
        If a column is not in the frame.
    """
    if rows < 1:
        raise ConfigError(f"rows must be at least 1; found {rows}.")
    key_columns = names_of(key_columns)
    ready = ready_model(frame, model, features, background, explain_class, random_state)
    check_columns(key_columns, ready.engine.columns(frame))
    like = ready.background
    terms = make_terms(ready.engine, frame, ready.features if of is None else of, grid, like)
    names = list(dict.fromkeys([*ready.features, *key_columns]))
    table = sample_rows(ready.engine, frame, names, rows, random_state)
    plan = ready.share(IcePlan(tuple(terms), model_frame(table, like)), "ice.pkl")
    run = TermLines(plan, ready.share_output())
    lines = ready.engine.map_tasks(run, range(len(terms)), [plan.file, run.output.model.file])
    keys = table.select(list(key_columns)).to_pandas()
    keys.index = pd.RangeIndex(table.num_rows)
    return Ice(tuple(terms), ready.labels, keys, tuple(lines))


@dataclass(frozen=True)
class IcePlan:
    """The terms and the drawn rows."""

    terms: tuple[Term, ...]
    rows: pd.DataFrame


@dataclass(frozen=True)
class TermLines:
    """A task: the lines of one term."""

    plan: SharedObject
    output: SharedOutput

    def __call__(self, term: int) -> np.ndarray:
        """Return the outputs, shape (rows, points, outputs)."""
        plan: IcePlan = self.plan.load()
        return term_outputs(self.output.load(), plan.terms[term], plan.rows)
