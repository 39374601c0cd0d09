"""The result of training an EBM."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from typing import Any

import pandas as pd

from rai_scale.glassbox.bins import EbmColumn
from rai_scale.results import Result, Tables


@dataclass(frozen=True, repr=False)
class EBMResult(Result):
    """A trained EBM and how it was trained.

    Attributes
    ----------
    model : ExplainableBoostingClassifier or ExplainableBoostingRegressor
        The model, an object of interpret.
    task : {"classification", "regression"}
        Kind of the model.
    y_true : str
        Column that it predicts.
    columns : tuple of EbmColumn
        Cut points and categories that all shards share.
    pairs : tuple of (str, str)
        Features of each interaction term.
    shard_rows : tuple of int
        Rows of each shard.
    notes : tuple of str
        Changes of the requested options, with reasons.
    seconds : dict of str to float
        Wall-clock time of ``bins``, ``pairs``, ``fit`` and ``merge``.
    """

    model: Any
    task: str
    y_true: str
    columns: tuple[EbmColumn, ...]
    pairs: tuple[tuple[str, str], ...]
    shard_rows: tuple[int, ...]
    notes: tuple[str, ...] = ()
    seconds: dict[str, float] = field(default_factory=dict, compare=False)

    def totals(self) -> dict[str, Any]:
        """Return the task and the numbers of features, pairs, shards and rows."""
        sizes = {"features": len(self.columns), "pairs": len(self.pairs)}
        return {
            "task": self.task,
            **sizes,
            "shards": len(self.shard_rows),
            "rows": sum(self.shard_rows),
        }

    def _tables(self) -> Tables:
        return {"importance": partial(term_importance, self.model)}

    def _numbers(self) -> dict[str, float]:
        return dict(term_importance(self.model).itertuples(index=False, name=None))

    def _remarks(self) -> tuple[str, ...]:
        return self.notes


def term_importance(model: Any) -> pd.DataFrame:
    """Return the mean absolute score of each term of an EBM, the largest first."""
    found = pd.DataFrame({"term": model.term_names_, "importance": model.term_importances()})
    return found.sort_values("importance", ascending=False, kind="stable", ignore_index=True)
