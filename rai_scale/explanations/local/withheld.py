"""Reasons that may not be given: features that a person refused, and sensitive ones."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from rai_scale.errors import ConfigError, check_columns
from rai_scale.explanations.local.added_columns import AddedColumns

if TYPE_CHECKING:
    from rai_scale.engines.protocol import Engine

WITHHELD = "reasons_withheld"
REFUSED = "rai_scale_refused"
_UNITS = 1e-12
"""Effects up to this share of the largest effect of a row are rounding, and no reasons."""


class Consents(Protocol):
    """Which features may not be used, per row; such as ``rai_scale.personalization.Consents``."""

    def with_refused(self, frame: Any, column: str) -> Any:
        """Return the frame with a column of the refused features of each row, as JSON; lazy."""


@dataclass(frozen=True)
class Withholding:
    """What is withheld from all explanations of a frame.

    Attributes
    ----------
    consent : Consents or None
    sensitive : tuple of str
        Features that are never given as reasons.
    """

    consent: Consents | None
    sensitive: tuple[str, ...]

    def __bool__(self) -> bool:
        return self.consent is not None or bool(self.sensitive)

    def marked(self, frame: Any, columns: Sequence[str], features: Sequence[str]) -> Any:
        """Return the frame with a column of the refused features of each row; lazy.

        Raises
        ------
        ConfigError
            If an added column has the name of another one, or ``consent`` is not of its kind.
        MissingColumnError
            If a sensitive feature is not one of the features.
        """
        check_columns(self.sensitive, features)
        for name in (WITHHELD, REFUSED):
            if name in columns:
                raise ConfigError(f"the frame already has a column {name!r}; drop or rename it.")
        if self.consent is None:
            return frame
        if not hasattr(self.consent, "with_refused"):
            raise ConfigError(
                "consent must be a rai_scale.personalization.Consents, which says who decides "
                f"about which features; found {type(self.consent).__name__}."
            )
        return self.consent.with_refused(frame, REFUSED)

    @property
    def mark(self) -> tuple[str, ...]:
        """The column that :meth:`marked` adds."""
        return (REFUSED,) if self.consent is not None else ()

    def applied(self, engine: Engine, explained: Any, layout: AddedColumns) -> Any:
        """Return explanations without the values of withheld features; lazy."""
        run = Withhold(layout, self.sensitive, self.mark)
        inputs = [*run.inputs(), *self.mark]
        fields = [pa.field(name, pa.float64()) for name in run.hidden()]
        if not layout.long:
            fields.append(pa.field(WITHHELD, pa.int64()))
        made = engine.with_columns(
            explained, run, pa.schema(fields), inputs=inputs, label="withheld reasons"
        )
        return engine.without_columns(made, [*self.mark])


@dataclass(frozen=True)
class Withhold:
    """Table function: values of withheld features become null, and are counted."""

    layout: AddedColumns
    sensitive: tuple[str, ...]
    mark: tuple[str, ...]
    cheap = True

    def hidden(self) -> list[str]:
        """Return the columns in which values become null."""
        if self.layout.long:
            return ["value", *(["error"] if self.layout.sampled else [])]
        return [name for names in self.layout.columns_of_features().values() for name in names]

    def inputs(self) -> list[str]:
        """Return the columns that are read, without the mark."""
        return [*self.hidden(), *(["feature"] if self.layout.long else [])]

    def __call__(self, table: pa.Table) -> pa.Table:
        """Return the values, and in the wide form the number of withheld reasons."""
        gone = self._refused(table)
        if self.layout.long:
            features = np.asarray(table["feature"].to_pylist(), dtype=object)
            of = np.array([gone[name][row] for row, name in enumerate(features)], dtype=bool)
            return pa.table({name: _without(table[name], of) for name in self.hidden()})
        columns, values = self.layout.columns_of_features(), self.layout.value_columns()
        sizes = {f: np.nan_to_num(_largest(table, names)) for f, names in values.items()}
        top = np.max([*sizes.values()], axis=0, initial=0.0)
        count = np.zeros(table.num_rows, np.int64)
        for feature, size in sizes.items():
            count += gone[feature] & (size > _UNITS * top)
        found = {n: _without(table[n], gone[f]) for f, names in columns.items() for n in names}
        return pa.table({**{n: found[n] for n in self.hidden()}, WITHHELD: pa.array(count)})

    def _refused(self, table: pa.Table) -> dict[str, np.ndarray]:
        """Return which rows must not show a feature, by feature."""
        found = {
            name: np.full(table.num_rows, name in self.sensitive) for name in self.layout.features
        }
        if self.mark:
            coded = table[self.mark[0]].combine_chunks().dictionary_encode()
            lists = [json.loads(text) for text in coded.dictionary.to_pylist()]
            codes = coded.indices.to_numpy(zero_copy_only=False)
            for name, gone in found.items():
                gone[np.array([name in one for one in lists], bool)[codes]] = True
        return found


def _largest(table: pa.Table, names: Sequence[str]) -> np.ndarray:
    values = [abs(table[name].to_numpy(zero_copy_only=False)) for name in names]
    return np.asarray(np.max(values, axis=0))


def _without(column: pa.ChunkedArray, gone: np.ndarray) -> pa.ChunkedArray:
    return pc.if_else(pa.array(gone), pa.scalar(None, column.type), column)
