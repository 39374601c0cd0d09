"""The main reasons for each row's prediction, as text."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import numpy as np
import pyarrow as pa

from rai_scale.engines.choose import engine_of
from rai_scale.errors import ConfigError
from rai_scale.explanations.local.explained_columns import value_columns
from rai_scale.explanations.local.withheld import WITHHELD

_DIGITS = 4
_WHOLE = 1e15


def add_reasons(
    frame: Any,
    top: int = 3,
    prefix: str = "shap_",
    *,
    features: str | Sequence[str] | None = None,
    column: str = "reasons",
    score_name: str = "the score",
) -> Any:
    """Add a column of text with the features that change each row's score most.

    The result is lazy if the engine is lazy.

    Parameters
    ----------
    frame : DataFrame of any engine, as ``explain`` returns it in the wide form
        If it contains the features themselves, the text includes their values.
    top : int
        Maximum number of reasons per row; features without effect are omitted.
    prefix : str
        Start of the names of the value columns; ``shap_<class>_`` for one of several classes.
    features : list of str, optional
        The explained features; see :func:`rai_scale.importance`.
    column : str
        Name of the added column.
    score_name : str
        Name of the score in the text.

    Returns
    -------
    DataFrame of the caller's kind
        ``"income 23,000 lowers the score by 0.12; age 41 raises the score by 0.05"``, null where
        a row has no explanation. The text holds values of the row. If the frame has a column
        ``reasons_withheld`` (see ``explain(consent=)``), the text ends with ``"; 2 reasons are
        withheld"`` where its number is not 0.

    Raises
    ------
    ConfigError
        If there are no explanations, or the frame already has the column.
    MissingColumnError
        If a feature has no column of values.
    """
    engine = engine_of(frame)
    names = engine.columns(frame)
    if top < 1:
        raise ConfigError(f"top must be at least 1; found {top}.")
    if column in names:
        raise ConfigError(f"the frame already has a column {column!r}; choose another name.")
    values = value_columns(names, prefix, features)
    shown = [name.removeprefix(prefix) for name in values]
    known = [name for name in shown if name in names]
    counts = (WITHHELD,) if WITHHELD in names else ()
    function = Reasons(tuple(values), tuple(shown), tuple(known), top, column, score_name, counts)
    outputs = pa.schema([(column, pa.string())])
    inputs = [*values, *known, *counts]
    return engine.with_columns(frame, function, outputs, inputs=inputs, label="reasons")


@dataclass(frozen=True)
class Reasons:
    """Table function: the text of each row."""

    values: tuple[str, ...]
    features: tuple[str, ...]
    known: tuple[str, ...]
    top: int
    column: str
    score: str
    withheld: tuple[str, ...] = ()
    cheap = True

    def __call__(self, table: pa.Table) -> pa.Table:
        """Return the texts."""
        effects = np.column_stack(
            [table[name].to_numpy().astype(np.float64) for name in self.values]
        )
        shown = {name: table[name].to_pylist() for name in self.known}
        texts = [self._text(row, at, shown) for at, row in enumerate(effects)]
        for name in self.withheld:
            counts = table[name].to_pylist()
            texts = [self._with_count(text, n) for text, n in zip(texts, counts, strict=True)]
        return pa.table({self.column: pa.array(texts, pa.string())})

    def _text(self, effects: np.ndarray, row: int, shown: dict[str, list[Any]]) -> str | None:
        if np.isnan(effects).all():
            return None
        sizes = np.nan_to_num(np.abs(effects))
        order = np.argsort(-sizes, kind="stable")[: self.top]
        reasons = [
            self._reason(self.features[at], effects[at], row, shown)
            for at in order
            if sizes[at] > 0
        ]
        return "; ".join(reasons) if reasons else self._nothing()

    def _nothing(self) -> str:
        return f"no feature moves {self.score}"

    def _with_count(self, text: str | None, withheld: int | None) -> str | None:
        """Return a text of reasons with the number of those that may not be given."""
        if not withheld:
            return text
        count = f"{withheld} reason{'s are' if withheld > 1 else ' is'} withheld"
        return f"{text}; {count}" if text and text != self._nothing() else count

    def _reason(self, feature: str, effect: float, row: int, shown: dict[str, list[Any]]) -> str:
        what = f"{feature} {_shown(shown[feature][row])}" if feature in shown else feature
        verb = "raises" if effect > 0 else "lowers"
        return f"{what} {verb} {self.score} by {number_text(abs(effect), 2)}"


def _shown(value: Any) -> str:
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return "(missing)"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int | float | Decimal):
        return number_text(float(value), _DIGITS)
    return str(value)


def number_text(value: float, digits: int) -> str:
    """Return a number with thousands separators and ``digits`` significant digits.

    All digits before the decimal point are kept.
    """
    if value == 0 or (value == math.trunc(value) and abs(value) < _WHOLE):
        return f"{value:,.0f}"
    if not math.isfinite(value) or abs(value) >= _WHOLE:
        return f"{value:.{digits}g}"
    decimals = digits - 1 - math.floor(math.log10(abs(value)))
    if decimals > 2 * _DIGITS:
        return f"{value:.{digits}g}"
    text = f"{value:,.{max(decimals, 0)}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
