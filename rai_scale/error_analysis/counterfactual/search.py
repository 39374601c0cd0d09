"""Counterfactuals of a batch of rows, searched by dice-ml in a worker."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from rai_scale.error_analysis.counterfactual.features import Feature
from rai_scale.models.columns import model_frame
from rai_scale.models.output import ModelOutput
from rai_scale.models.ready_model import SharedObject
from rai_scale.statistics.keyed_hash import key_hashes

NUMBER, NOTE, CHANGED, PREDICTION = "counterfactual", "note", "changed", "prediction"
MOST_PREDICTIONS = 2_000
"""Calls of the model per row: dice-ml's genetic search may go on for ever."""
NO_VALUE = "a feature is missing, infinite or too large"
NEW_CATEGORY = "a category does not occur in the frame"
ALREADY = "the prediction is already the desired one"
NOT_FOUND = "no counterfactual found"
GAVE_UP = f"no counterfactual found within {MOST_PREDICTIONS:,} calls of the model"
_HALF = 0.5
_BINARY = 2


class _TooManyCallsError(Exception):
    """The model was called too often for one row."""


@dataclass
class Search:
    """What workers need; published once.

    Attributes
    ----------
    features : list of Feature
        Numbers first, as dice-ml expects them.
    background : pandas.DataFrame
        Rows as dice-ml reads them.
    like : pandas.DataFrame
        A frame with the columns and dtypes that the model receives.
    output : ModelOutput
    method : str
    total : int
    target : int, optional
        The position of the desired class; None for the other one of two, or in a regression.
    desired_range : tuple of (float, float), optional
        Of the predictions of a regression.
    random_state : int
    """

    features: list[Feature]
    background: pd.DataFrame
    like: pd.DataFrame
    output: ModelOutput
    method: str
    total: int
    target: int | None
    desired_range: tuple[float, float] | None
    random_state: int

    @cached_property
    def data(self) -> Any:
        """The rows as dice-ml holds them."""
        from rai_scale.upstream.dice import DeclaredData

        places = {f.name: f.places for f in self.features if f.levels is None}
        return DeclaredData(self.background, {f.name: f.range for f in self.features}, places)

    def __getstate__(self) -> dict[str, Any]:
        """Return the state without what can be made again."""
        return {name: value for name, value in self.__dict__.items() if name != "data"}

    def rows_for_model(self, frame: pd.DataFrame) -> pd.DataFrame:
        """Return rows of dice-ml with the dtypes that the model receives."""
        columns = {f.name: f.arrow(list(frame[f.name])) for f in self.features}
        return model_frame(pa.table(columns), self.like)

    def wanted(self, scores: np.ndarray) -> int | None:
        """Return the class that a row shall get."""
        if self.output.model.classes is None:
            return None
        return 1 - int(np.argmax(scores)) if self.target is None else self.target

    def holds(self, scores: np.ndarray, wanted: int | None) -> bool:
        """Return whether a prediction is the desired one, as dice-ml judges it."""
        if wanted is None:
            assert self.desired_range is not None
            return bool(self.desired_range[0] <= scores[0] <= self.desired_range[1])
        if len(scores) == _BINARY:
            return bool(scores[1] >= _HALF if wanted else scores[1] <= _HALF)
        return int(np.argmax(scores)) == wanted

    def of_row(self, row: pd.DataFrame, seed: int, wanted: int | None) -> tuple[list[Any], str]:
        """Return the pairs of values that dice-ml found for a row, and a note."""
        from rai_scale.upstream.dice import counterfactuals_of

        varied = [f for f in self.features if f.varied]
        permitted = {f.name: list(f.permitted) for f in varied if f.permitted is not None}
        goal: dict[str, Any] = {"desired_class": wanted}
        if wanted is None:
            goal = {"desired_range": self.desired_range}
        model = _Scored(self) if wanted is None else _Classified(self)
        try:
            found = counterfactuals_of(
                self.data, model, row, seed,
                method=self.method,
                total_CFs=self.total,
                permitted_range=permitted or None,
                features_to_vary=[f.name for f in varied],
                **goal,
            )  # fmt: skip
        except _TooManyCallsError:
            return [], GAVE_UP
        except Exception as error:  # its message could contain values
            return [], f"dice-ml failed ({type(error).__name__})"
        return found, NOT_FOUND


class _Scored:
    """A regression as dice-ml calls it."""

    def __init__(self, search: Search) -> None:
        self.search, self.calls = search, 0

    def scores(self, frame: pd.DataFrame) -> np.ndarray:
        self.calls += 1
        if self.calls > MOST_PREDICTIONS:
            raise _TooManyCallsError
        return self.search.output.model.predict(self.search.rows_for_model(frame))

    def predict(self, frame: pd.DataFrame) -> np.ndarray:
        return self.scores(frame)[:, 0]


class _Classified(_Scored):
    """A classifier as dice-ml calls it."""

    def predict_proba(self, frame: pd.DataFrame) -> np.ndarray:
        return self.scores(frame)


@dataclass(frozen=True)
class CounterfactualRows:
    """Table function: each row and its counterfactuals, numbered from 0, the row itself."""

    search: SharedObject
    kept: tuple[str, ...]
    outputs: pa.Schema

    def __call__(self, table: pa.Table) -> pa.Table:
        """Return the rows of a batch, each followed by its counterfactuals."""
        search: Search = self.search.load()
        columns = pd.DataFrame({f.name: f.column(table[f.name]) for f in search.features})
        known = columns.notna().all(axis=1).to_numpy()
        usable = pd.DataFrame(
            {f.name: f.typed(columns.loc[known, f.name]) for f in search.features}
        )
        seeds = key_hashes(table.select(list(columns)), search.random_state)
        scores = np.full((table.num_rows, search.output.model.outputs), np.nan)
        scores[known] = _predicted(search, search.rows_for_model(usable))
        notes = _unusable(search, table, columns)
        found: list[tuple[int, dict[str, Any]]] = []
        for at in np.flatnonzero(known):
            wanted = search.wanted(scores[at])
            if search.holds(scores[at], wanted):
                notes[at] = ALREADY
                continue
            row = usable.loc[[at]].reset_index(drop=True)
            pairs, notes[at] = search.of_row(row, int(seeds[at]), wanted)
            own = {f.name: row[f.name].iloc[0] for f in search.features}
            found += [(int(at), _completed(search, one, own)) for pair in pairs for one in pair]
        chosen = _checked(search, usable, scores, found)
        return self._table(search, table, columns, scores, notes, chosen)

    def _table(  # noqa: PLR0917 - the parts of the result
        self,
        search: Search,
        table: pa.Table,
        columns: pd.DataFrame,
        scores: np.ndarray,
        notes: list[str | None],
        chosen: Mapping[int, list[tuple[dict[str, Any], float, str]]],
    ) -> pa.Table:
        origin, numbers, changed = [], [], []
        values: dict[str, list[Any]] = {f.name: [] for f in search.features}
        predictions: list[float] = []
        said: list[str | None] = []
        shown = search.output.picked[0]
        for at in range(table.num_rows):
            own = {f.name: columns[f.name].iloc[at] for f in search.features}
            good = chosen.get(at, [])
            rows = [(own, float(scores[at, shown]), ""), *good]
            for number, (row, prediction, names) in enumerate(rows):
                origin.append(at)
                numbers.append(number)
                predictions.append(prediction)
                changed.append(names or None)
                said.append(notes[at] if not number and not good else None)
                for name, value in row.items():
                    values[name].append(value)
        made = {name: table[name].take(pa.array(origin, pa.int64())) for name in self.kept}
        made[NUMBER] = pa.array(numbers, pa.int64())
        made |= {f.name: f.arrow(values[f.name]) for f in search.features}
        made[PREDICTION] = pa.array(predictions, pa.float64(), from_pandas=True)
        made[CHANGED], made[NOTE] = pa.array(changed, pa.string()), pa.array(said, pa.string())
        return pa.table([made[name] for name in self.outputs.names], schema=self.outputs)


def _predicted(search: Search, rows: pd.DataFrame) -> np.ndarray:
    """Return all outputs, in blocks of a fixed size: independent of the other rows."""
    model = search.output.model
    every = ModelOutput(model, "probability", tuple(range(model.outputs)), ())
    return every.in_blocks(rows)


def _unusable(search: Search, table: pa.Table, columns: pd.DataFrame) -> list[str | None]:
    """Return why a row cannot be used; None for the others."""
    notes: list[str | None] = [None] * table.num_rows
    for feature in search.features:
        for at in np.flatnonzero(columns[feature.name].isna()):
            there = feature.levels is not None and table[feature.name][int(at)].is_valid
            notes[at] = NEW_CATEGORY if there else NO_VALUE
    return notes


def _completed(search: Search, found: Mapping[str, Any], own: Mapping[str, Any]) -> dict[str, Any]:
    return {f.name: f.found(found[f.name], own[f.name]) for f in search.features}


def _checked(
    search: Search,
    usable: pd.DataFrame,
    scores: np.ndarray,
    found: Sequence[tuple[int, dict[str, Any]]],
) -> dict[int, list[tuple[dict[str, Any], float, str]]]:
    """Keep those with a permitted change and the desired prediction; of a pair the first.

    dice-ml's rounding and its search for fewer changes can leave both the ranges and the class.
    """
    kept: dict[int, list[tuple[dict[str, Any], float, str]]] = {}
    if not found:
        return kept
    frame = pd.DataFrame([row for _, row in found])
    after = _predicted(search, search.rows_for_model(frame))
    shown = search.output.picked[0]
    taken: set[int] = set()
    for place, ((at, row), new) in enumerate(zip(found, after, strict=True)):
        own = usable.loc[at]
        changed = [f for f in search.features if row[f.name] != own[f.name]]
        allowed = changed and all(f.accepts(row[f.name]) for f in changed)
        double = place // 2 in taken or any(row == other for other, _, _ in kept.get(at, []))
        if allowed and not double and search.holds(new, search.wanted(scores[at])):
            taken.add(place // 2)
            names = ", ".join(f.name for f in changed)
            kept.setdefault(at, []).append((row, float(new[shown]), names))
    return kept
