"""The features of a tree: their bins, and the sums of all rows per bin."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from rai_scale.error_analysis.trees.bins import Bins, category_bins, is_useless, numeric_bins
from rai_scale.error_analysis.trees.counting import CountedFrame, NodeFrame, refuse_type
from rai_scale.error_analysis.trees.gradients import Sums
from rai_scale.error_analysis.trees.growing import per_node_and_bin
from rai_scale.errors import ConfigError, TooManyGroupsError, check_columns
from rai_scale.names import Names, names_of
from rai_scale.statistics.row_sample import draw_rows
from rai_scale.statistics.score_bins import as_floats

MOST_VALUES = 100_000
"""The most distinct values of a feature that come to the driver; above, a sample gives the bins."""
BIN_SAMPLE = 200_000
"""Rows from which the bins of such a feature are made, as in LightGBM."""


def chosen_features(schema: pa.Schema, features: Names | None, others: Sequence[str]) -> list[str]:
    """Return the features: those that are named, or all columns without another role.

    Raises
    ------
    MissingColumnError
        If a column does not exist.
    ConfigError
        If a feature has another role or a type that a tree cannot split, or there is none.
    """
    names = [n for n in schema.names if n not in others] if features is None else names_of(features)
    check_columns(names, schema.names)
    for name in names:
        if name in others:
            raise ConfigError(f"feature {name!r} is also the label, the prediction or the weight.")
        refuse_type(schema, name)
    if not names:
        raise ConfigError("there are no features; name at least one column.")
    return list(dict.fromkeys(names))


def binned_features(
    frame: CountedFrame, features: Sequence[str], categorical: Sequence[str], least: int, seed: int
) -> tuple[CountedFrame, dict[str, Bins], dict[str, Sums]]:
    """Count all features and make their bins; features that no split can divide are left out.

    Parameters
    ----------
    frame : CountedFrame
    features : sequence of str
    categorical : sequence of str
        Features of numbers that are categories; text always is.
    least : int
        The least rows of a child.
    seed : int
        Of the keyed sample for features with too many values.

    Returns
    -------
    tuple of (CountedFrame, dict of str to Bins, dict of str to Sums)
        The frame, with the bounds of features with too many values; bins and sums per feature.
    """
    root, bins, sums, wide = frame.at_nodes(), {}, {}, []
    for feature in features:
        text = pa.types.is_string(frame.schema.field(feature).type)
        try:
            _, values, counted = root.by_value(feature, MOST_VALUES)
        except TooManyGroupsError:
            if text or feature in categorical:
                raise ConfigError(
                    f"the categorical feature {feature!r} has more than {MOST_VALUES:,} values. "
                    "Leave it out, or group its values first."
                ) from None
            wide.append(feature)
            continue
        made = _bins_of(values, counted, category=text or feature in categorical)
        bins[feature] = made
        sums[feature] = _root_sums(frame, made, feature, values, counted)
    if wide:
        frame = _from_sample(frame, wide, bins, sums, seed)
    kept = [f for f in features if not is_useless(bins[f], sums[f].rows, least)]
    return frame, {f: bins[f] for f in kept}, {f: sums[f] for f in kept}


def _bins_of(values: pa.ChunkedArray, counted: Sums, *, category: bool) -> Bins:
    if not category:
        return numeric_bins(as_floats(values), counted.rows)
    missing = np.asarray(pc.is_null(values, nan_is_null=True))
    known = pc.filter(values, pa.array(~missing)).combine_chunks()
    order = np.asarray(pc.sort_indices(known))
    rows = counted.rows[~missing][order]
    return category_bins(known.take(pa.array(order)), rows, int(counted.rows[missing].sum()))


def _root_sums(
    frame: CountedFrame, bins: Bins, feature: str, values: pa.ChunkedArray, counted: Sums
) -> Sums:
    nodes = np.zeros(len(values), np.int64)
    return per_node_and_bin(bins, nodes, values, counted, 1, frame, feature)[0]


def _from_sample(
    frame: CountedFrame, wide: list[str], bins: dict[str, Bins], sums: dict[str, Sums], seed: int
) -> CountedFrame:
    """Make bins from a keyed sample of rows, and count the bins of all rows."""
    sample = draw_rows(frame.engine, frame.data, wide, BIN_SAMPLE, seed)
    made = {}
    for feature in wide:
        values, rows = np.unique(as_floats(sample[feature]), return_counts=True)
        made[feature] = numeric_bins(values, rows)
    frame = frame.with_bins({name: tuple(own.bounds.tolist()) for name, own in made.items()})
    root: NodeFrame = frame.at_nodes()
    for feature, own in made.items():
        _, values, counted = root.by_value(feature)
        bins[feature] = replace(own, missing=values.null_count > 0)
        sums[feature] = _root_sums(frame, bins[feature], feature, values, counted)
    return frame
