"""Cut points and categories of an EBM's features, from all rows and shared by all shards."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from rai_scale.engines.protocol import Engine
from rai_scale.errors import ConfigError, TooManyGroupsError, check_columns, did_you_mean
from rai_scale.statistics.score_bins import as_floats
from rai_scale.upstream.interpret import cut_quantile

FINE_BINS = 8_192
"""Bins per feature in the histogram of all rows, used if the sample does not contain all rows."""
RANKS = 1_000_000
MAX_CATEGORIES = 10_000
KINDS = ("continuous", "nominal")
_COUNTS = pa.schema([("feature", pa.int32()), ("bin", pa.int32()), ("rows", pa.int64())])


@dataclass(frozen=True)
class EbmColumn:
    """The bins of a feature, which are the same in all shards.

    Attributes
    ----------
    name : str
    kind : {"continuous", "nominal"}
    cuts, pair_cuts : tuple of float
        Increasing cut points of its own term and of its pairs; a value that equals a cut point
        belongs to the bin above it.
    categories : tuple of str
        Sorted categories of a nominal feature, as text.
    """

    name: str
    kind: str
    cuts: tuple[float, ...] = ()
    pair_cuts: tuple[float, ...] = ()
    categories: tuple[str, ...] = ()


def category_texts(column: pa.ChunkedArray) -> np.ndarray:
    """Return categories as texts (object; None where missing), integers without a decimal point."""
    if pa.types.is_boolean(column.type):
        column = pc.if_else(column, "True", "False")
    elif pa.types.is_floating(column.type):
        values = as_floats(column)
        whole = np.isfinite(values) & (values == np.trunc(values)) & (np.abs(values) < 2**53)
        integers = pc.cast(pa.array(np.where(whole, values, 0).astype(np.int64)), pa.string())
        column = pc.if_else(pa.array(whole), integers, pc.cast(pa.array(values), pa.string()))
        column = pc.if_else(pa.array(np.isnan(values)), pa.scalar(None, pa.string()), column)
    elif not pa.types.is_string(column.type):
        column = pc.cast(column, pa.string())
    texts: np.ndarray = column.to_numpy(zero_copy_only=False).astype(object)
    return texts


def feature_kinds(
    schema: pa.Schema, features: Sequence[str], given: Mapping[str, Any] | None
) -> dict[str, Any]:
    """Return the kind of each feature, or its cut points if they are given.

    Raises
    ------
    ConfigError
        If a kind is unknown, or does not suit the type of the column.
    """
    given = dict(given or {})
    check_columns(given, features)
    kinds: dict[str, Any] = {}
    for name in features:
        found = schema.field(name).type
        number = pa.types.is_integer(found) or pa.types.is_floating(found)
        number = number or pa.types.is_decimal(found)
        asked = given.get(name, "continuous" if number else "nominal")
        if pa.types.is_nested(found) or pa.types.is_binary(found):
            raise ConfigError(f"feature {name!r} is of type {found}, which an EBM cannot read.")
        if isinstance(asked, str) and asked not in KINDS:
            raise ConfigError(
                f"unknown feature type {asked!r} of {name!r}.{did_you_mean(asked, KINDS)} Allowed: "
                "continuous, nominal, or a list of cut points."
            )
        if asked != "nominal" and not (number or pa.types.is_boolean(found)):
            raise ConfigError(f"feature {name!r} is of type {found}, so it cannot be continuous.")
        kinds[name] = asked if isinstance(asked, str) else _own_cuts(name, asked)
    return kinds


def _own_cuts(name: str, cuts: Any) -> tuple[float, ...]:
    try:
        found = np.asarray(cuts, dtype=np.float64)
    except (TypeError, ValueError):
        found = np.array([np.nan])
    if found.ndim != 1 or not np.isfinite(found).all() or (np.diff(found) <= 0).any():
        raise ConfigError(f"cut points of {name!r} must be finite, increasing numbers.")
    return tuple(found.tolist())


def find_columns(  # noqa: PLR0917
    engine: Engine,
    data: Any,
    kinds: Mapping[str, Any],
    sample: pa.Table,
    whole: bool,
    max_bins: int,
    max_pair_bins: int,
) -> tuple[EbmColumn, ...]:
    """Find the cut points and categories of all features.

    Parameters
    ----------
    kinds : mapping
        From :func:`feature_kinds`.
    sample : pyarrow.Table
        Rows chosen by a keyed hash.
    whole : bool
        Whether the sample contains all rows. If so, cut points are interpret's own quantiles.
        Otherwise, all rows are counted in fine bins whose edges are values of the sample, and the
        rank of a quantile is wrong by at most the share of one bin (about 1/8,192).
    max_bins, max_pair_bins : int
        As interpret's ``max_bins`` and ``max_interaction_bins``.
    """
    asked = [name for name, kind in kinds.items() if kind == "continuous"]
    values = {name: as_floats(sample[name]) for name in asked}
    values = {name: v[np.isfinite(v)] for name, v in values.items()}
    if not whole and asked:
        values = _ranks_of_all(engine, data, values)
    columns = []
    for name, kind in kinds.items():
        if kind == "nominal":
            texts = category_texts(sample[name]) if whole else _all_texts(engine, data, name)
            columns.append(EbmColumn(name, "nominal", categories=_categories(name, texts)))
        elif kind == "continuous":
            cuts = _cuts(values[name], max_bins), _cuts(values[name], max_pair_bins)
            columns.append(EbmColumn(name, "continuous", *cuts))
        else:
            every = max(1, -(-len(kind) // max(1, max_pair_bins - 3)))
            columns.append(EbmColumn(name, "continuous", kind, kind[every // 2 :: every]))
    return tuple(columns)


def _cuts(values: np.ndarray, max_bins: int) -> tuple[float, ...]:
    """Return interpret's quantile cuts; two bins are for missing and unseen values."""
    return cut_quantile(values, max_bins - 3)


def _categories(name: str, texts: np.ndarray) -> tuple[str, ...]:
    found = sorted({text for text in texts if text is not None})
    if len(found) > MAX_CATEGORIES:
        raise _too_many(name)
    return tuple(found)


def _all_texts(engine: Engine, data: Any, name: str) -> np.ndarray:
    try:
        counted = engine.group_counts(data, [name], limit=MAX_CATEGORIES)
    except TooManyGroupsError:
        raise _too_many(name) from None
    return category_texts(counted.column(0))


def _too_many(name: str) -> ConfigError:
    return ConfigError(
        f"the nominal feature {name!r} has more than {MAX_CATEGORIES:,} categories. Remove it, "
        "group its values, or give feature_types={...: 'continuous'} if they are numbers."
    )


def _ranks_of_all(
    engine: Engine, data: Any, sampled: Mapping[str, np.ndarray]
) -> dict[str, np.ndarray]:
    """Count all rows in fine bins, and return the values of each feature at evenly spaced ranks."""
    edges = {name: _edges(values) for name, values in sampled.items()}
    count = CountFineBins(tuple(edges.items()))
    partial = engine.map_partitions(data, count, _COUNTS, inputs=list(edges), label="ebm bins")
    found = engine.group_counts(partial, ["feature", "bin"], ["rows"])
    feature, number_of_bin = (found.column(i).to_numpy() for i in range(2))
    rows = found.column(3).to_numpy().astype(np.int64)
    ranks = {}
    for number, (name, lower) in enumerate(edges.items()):
        counts = np.zeros(max(len(lower), 1), dtype=np.int64)
        counts[number_of_bin[feature == number]] = rows[feature == number]
        total = int(counts.sum())
        at = np.arange(min(total, RANKS)) * (total / max(1, min(total, RANKS)))
        ranks[name] = (
            lower[np.searchsorted(np.cumsum(counts), at, side="right")] if total else lower
        )
    return ranks


def _edges(values: np.ndarray) -> np.ndarray:
    """Return at most ``FINE_BINS`` values as lower edges of bins, at evenly spaced ranks."""
    distinct = np.unique(values)
    if len(distinct) <= FINE_BINS:
        return distinct
    return np.unique(np.sort(values)[np.linspace(0, len(values) - 1, FINE_BINS).astype(int)])


@dataclass(frozen=True)
class CountFineBins:
    """Table function: rows of a batch per feature and fine bin, without missing values."""

    edges: tuple[tuple[str, np.ndarray], ...]

    def __call__(self, table: pa.Table) -> pa.Table:
        """Return columns feature, bin and rows."""
        parts = []
        for number, (name, lower) in enumerate(self.edges):
            values = as_floats(table[name])
            values = values[np.isfinite(values)]
            if not len(lower):
                continue
            at = np.maximum(np.searchsorted(lower, values, side="right") - 1, 0)
            bins, rows = np.unique(at, return_counts=True)
            parts.append((np.full(len(bins), number), bins, rows))
        if not parts:
            return _COUNTS.empty_table()
        columns = [np.concatenate(c) for c in zip(*parts, strict=True)]
        arrays = [pa.array(c, f.type) for c, f in zip(columns, _COUNTS, strict=True)]
        return pa.table(arrays, schema=_COUNTS)
