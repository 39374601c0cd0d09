"""Write explanations as columns of a frame, or as rows of the long form."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from rai_scale.errors import ConfigError
from rai_scale.explanations.local.values import LocalValues

EXPLAINED_BY = "explained_by"
UNEXPLAINED = "none: values of {} do not add up"
"""Value of ``explained_by`` in rows without an explanation."""


@dataclass(frozen=True)
class AddedColumns:
    """Names and types of the columns that are added to a frame.

    Attributes
    ----------
    features : tuple of str
    labels : tuple of str
        Classes, if several outputs are explained; otherwise empty.
    prefix : str
        ``shap`` or ``lime``.
    sampled : bool
        Whether values are estimated from samples and have errors.
    method : str
        Name of the method, written to ``explained_by``.
    keys : tuple of str
        Columns of the frame that are kept; if empty, all are kept.
    long : bool
        Whether the result has one row for each explained row, class and feature.
    replicates : int
        Number of independent estimates that are added for each value.
    """

    features: tuple[str, ...]
    labels: tuple[str, ...]
    prefix: str
    sampled: bool
    method: str
    keys: tuple[str, ...] = ()
    long: bool = False
    replicates: int = 0

    def schema(self) -> pa.Schema:
        """Return the added columns of the wide form."""
        names = [name for name, _, _ in self._numbers(None)]
        return pa.schema([*((n, pa.float64()) for n in names), (EXPLAINED_BY, pa.string())])

    def long_schema(self) -> pa.Schema:
        """Return the columns of the long form after the keys."""
        error = [("error", pa.float64())] if self.sampled else []
        label = [("class", pa.string())] if self.labels else []
        return pa.schema([*label, ("feature", pa.string()), ("value", pa.float64()), *error])

    def check(self, found: list[str]) -> None:
        """Raise :class:`ConfigError` if an added column has the name of another column."""
        kept = list(self.keys) or found
        added = self.long_schema() if self.long else self.schema()
        double = [name for name in added.names if name in kept]
        if double:
            raise ConfigError(
                f"the frame already has columns {', '.join(map(repr, double[:5]))}; drop or rename "
                "them, or give key_columns."
            )
        seen: dict[str, str] = {}
        for name, origin, _ in () if self.long else self._numbers(None):
            if name in seen:
                raise ConfigError(
                    f"two added columns would have the name {name!r}: {seen[name]}, and {origin}. "
                    "Rename a feature or a class, or give long=True."
                )
            seen[name] = origin

    def value_columns(self) -> dict[str, list[str]]:
        """Return the columns of values of each feature in the wide form, one per class."""
        return {
            f: [_joined(self.prefix, n, f) for n in self.labels or ("",)] for f in self.features
        }

    def columns_of_features(self) -> dict[str, list[str]]:
        """Return all columns of each feature in the wide form: values, errors and replicates."""
        parts = ["", *(["error"] if self.sampled else [])]
        parts += [f"replicate{copy + 1}" for copy in range(self.replicates)]
        return {
            feature: [
                _joined(self.prefix, part, label, feature)
                for part in parts
                for label in self.labels or ("",)
            ]
            for feature in self.features
        }

    def wide(self, found: LocalValues) -> pa.Table:
        """Return the added columns for a batch."""
        columns = {name: pa.array(values) for name, _, values in self._numbers(found)}
        none = found.unexplained
        none = np.zeros(len(found.prediction), dtype=bool) if none is None else none
        method = np.where(none, UNEXPLAINED.format(self.method), self.method)
        return pa.table({**columns, EXPLAINED_BY: pa.array(method)}, schema=self.schema())

    def _numbers(self, found: LocalValues | None) -> Iterator[tuple[str, str, np.ndarray]]:
        """Yield the name, a description and the numbers of each numeric column."""
        none = np.empty(0)
        for name in ("prediction", "base"):
            for number, label in enumerate(self.labels or ("",)):
                values = none if found is None else getattr(found, name)[:, number]
                shown = "base_value" if name == "base" else name
                yield _joined(shown, label), _origin(f"the {shown}", label), values
        parts = [("", "values"), ("error", "error")] if self.sampled else [("", "values")]
        for part, name in parts:
            for number, label in enumerate(self.labels or ("",)):
                for at, feature in enumerate(self.features):
                    values = none if found is None else getattr(found, name)[:, at, number]
                    origin = _origin(f"the {part or 'value'} of feature {feature!r}", label)
                    yield _joined(self.prefix, part, label, feature), origin, values
        yield from self._replicates(found)

    def _replicates(self, found: LocalValues | None) -> Iterator[tuple[str, str, np.ndarray]]:
        kept = None if found is None else found.replicates
        for at, feature in enumerate(self.features):
            for number, label in enumerate(self.labels or ("",)):
                for copy in range(self.replicates):
                    values = np.empty(0) if kept is None else kept[:, copy, at, number]
                    part = f"replicate{copy + 1}"
                    origin = _origin(f"the {part} of feature {feature!r}", label)
                    yield _joined(self.prefix, part, label, feature), origin, values

    def rows(self, keys: pa.Table, found: LocalValues) -> pa.Table:
        """Return the long form of a batch: rows, then classes, then features."""
        rows, features, outputs = found.values.shape
        of = np.repeat(np.arange(rows), features * outputs)
        columns = {name: keys[name].take(pa.array(of)) for name in keys.column_names}
        if self.labels:
            columns["class"] = pa.array(np.tile(np.repeat(self.labels, features), rows).tolist())
        columns["feature"] = pa.array(list(self.features) * (rows * outputs), pa.string())
        columns["value"] = pa.array(found.values.transpose(0, 2, 1).ravel())
        if found.error is not None:
            columns["error"] = pa.array(found.error.transpose(0, 2, 1).ravel())
        return pa.table(columns)


def _joined(*parts: str) -> str:
    return "_".join(filter(None, parts))


def _origin(what: str, label: str) -> str:
    return f"{what} of class {label!r}" if label else what
