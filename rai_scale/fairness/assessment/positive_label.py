"""Convert labels to 1 (the positive label) and 0 (all others), before anything is counted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from rai_scale.engines.choose import engine_of
from rai_scale.engines.key_values import arrow_values, positions
from rai_scale.errors import ConfigError, TooManyGroupsError, check_columns
from rai_scale.privacy.disclosure import one_message
from rai_scale.statistics.cells import COPY, counts_of, refuse_missing

MAX_LABELS = 100_000
QUOTE = " An unquoted yes or no in YAML is true or false: put it in quotes."


def one_against_rest(
    frame: Any,
    columns: Sequence[str],
    pos_label: Any,
    *,
    groups: Sequence[str] = (),
    others: Sequence[str] = (),
) -> Any:
    """Return the frame with label columns that have 1 for ``pos_label`` and 0 for all others.

    The labels are counted natively first, in one pass over these columns.

    Parameters
    ----------
    frame : pyspark, dask or pandas DataFrame, DuckDB relation, pyarrow Table
    columns : list of str
        Columns of labels and predictions, with the same set of labels.
    pos_label : str, number or bool
        The positive label.
    groups : list of str
        Columns of features, which cannot be labels as well.
    others : list of str
        Other columns of the frame to keep.

    Returns
    -------
    frame
        Lazy if the given one is; the columns are int64. It has all columns in the arguments.

    Raises
    ------
    MissingColumnError
        If columns are not there.
    ConfigError
        If no column holds the label, or one does not and has labels that the others do not have,
        or labels are missing.
    """
    engine = engine_of(frame)
    names = list(dict.fromkeys(columns))
    kept = list(dict.fromkeys([*names, *groups, *others]))
    check_columns(kept, engine.columns(frame))
    refuse_groups(names, groups)
    if engine.name == "dask":
        frame = frame[kept]  # the other engines read no more than is asked for
    try:
        counted = counts_of(engine, frame, names, (), MAX_LABELS)
    except TooManyGroupsError:
        raise ConfigError(
            f"{' and '.join(map(repr, names))} have more than {MAX_LABELS:,} distinct "
            "combinations of labels; pass a column of scores as score, not y_pred."
        ) from None
    renamed = counted.rename_columns([*(COPY + name for name in names), "count"])
    refuse_missing(renamed, [COPY + name for name in names])
    if not counted.num_rows:
        return frame
    found = {name: counted.column(i).unique() for i, name in enumerate(names)}
    return engine.with_indicators(frame, _held(found, pos_label))


def refuse_groups(columns: Sequence[str], groups: Sequence[str]) -> None:
    """Raise :class:`ConfigError` if a column of labels is also a feature."""
    for name in columns:
        if name in groups:
            raise ConfigError(
                f"column {name!r} is both a feature and a column of labels, which pos_label "
                f"converts to 1 and 0: copy the feature to another column."
            )


def _held(found: Mapping[str, pa.Array], pos_label: Any) -> dict[str, Any]:
    """Return the positive label in the type of each column, None for a column without it."""
    pos_label = pos_label.item() if isinstance(pos_label, np.generic) else pos_label
    labels = {name: values.to_pylist() for name, values in found.items()}
    held = {
        name: next((label for label in values if _same(label, pos_label)), None)
        for name, values in labels.items()
    }
    kinds = ", ".join(f"{name!r} ({values.type})" for name, values in found.items())
    if all(label is None for label in held.values()):
        raise ConfigError(
            f"pos_label={pos_label!r} is not among the labels of {kinds}.{_hint(found, pos_label)}"
        )
    for name, label in held.items():
        others = [label for other in labels if other != name for label in labels[other]]
        if label is None and not all(label in others for label in labels[name]):
            raise ConfigError(
                f"pos_label={pos_label!r} is not among the labels of column {name!r}, which has "
                f"labels that the other column does not have: {kinds}. Give both the same labels."
            )
    return held


def _same(label: Any, pos_label: Any) -> bool:
    return not isinstance(pos_label, np.ndarray) and bool(label == pos_label)


def _hint(found: Mapping[str, pa.Array], pos_label: Any) -> str:
    texts = any(pa.types.is_string(values.type) for values in found.values())
    return QUOTE if isinstance(pos_label, bool) and texts else ""


@dataclass(frozen=True)
class DeclaredLabels:
    """Table function: 1 for the positive label, 0 for the other declared ones, null for the rest.

    ``copies`` gives the name of each column's copy; the columns ``others`` are kept.
    """

    others: tuple[str, ...]
    copies: dict[str, str]
    labels: tuple[Any, ...]
    pos_label: Any
    cheap = True

    def __call__(self, table: pa.Table) -> pa.Table:
        """Return the other columns and the copies."""
        copies = {new: self._of(table[name]) for name, new in self.copies.items()}
        return pa.table({**{name: table[name] for name in self.others}, **copies})

    def _of(self, column: pa.ChunkedArray) -> pa.Array:
        place = positions(column, arrow_values(self.labels))
        positive = place == self.labels.index(self.pos_label)
        return pa.array(positive.astype(np.int64), mask=place < 0)


def declared_against_rest(
    frame: Any,
    columns: Sequence[str],
    pos_label: Any,
    labels: Sequence[Any],
    *,
    others: Sequence[str],
) -> tuple[Any, dict[str, str]]:
    """Return ``others`` of the frame and copies of label columns as 1 and 0, and the copies' names.

    Nothing is read: labels that are not declared become null, so that a private count ignores their
    rows, and no other column is read. The copies are named after their content, since a ledger
    identifies a release by its columns.

    Raises
    ------
    MissingColumnError
        If columns are not there.
    ConfigError
        If the label is not declared, or columns cannot hold the declared labels.
    """
    engine = engine_of(frame)
    names = list(dict.fromkeys(columns))
    kept = list(dict.fromkeys(others))
    check_columns([*names, *kept], engine.columns(frame))
    if pos_label not in labels:
        raise ConfigError(
            f"pos_label={pos_label!r} is not among the declared labels: labels must list all "
            f"labels."
        )
    schema = engine.schema(frame)
    for name in names:
        _check_declared(name, schema.field(name).type, labels)
    told = ", ".join(sorted(map(repr, labels)))
    copies = {name: f"{name} is {pos_label!r} of {told}" for name in names}
    function = DeclaredLabels(tuple(kept), copies, tuple(labels), pos_label)
    fields = [*map(schema.field, kept), *(pa.field(copy, pa.int64()) for copy in copies.values())]
    inputs, outputs = list(dict.fromkeys([*names, *kept])), pa.schema(fields)
    made = one_message(
        lambda: engine.map_partitions(frame, function, outputs, inputs=inputs, label="labels")
    )
    return made, copies


def _check_declared(name: str, kind: pa.DataType, labels: Sequence[Any]) -> None:
    try:
        levels = arrow_values(labels)
        fits = not (pa.types.is_boolean(levels.type) and pa.types.is_string(kind))
        fits = fits and len(levels.cast(kind).unique()) == len(labels)  # 1 and 2 are both true
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError, pa.ArrowTypeError):
        fits = False
    if not fits:
        hint = QUOTE if any(isinstance(label, bool) for label in labels) else ""
        raise ConfigError(f"column {name!r} ({kind}) cannot hold the declared labels.{hint}")
