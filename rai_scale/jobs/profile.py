"""A profile of the inputs of a run, made without reading the rows again."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from rai_scale.names import looks_personal
from rai_scale.tables.paths import place_of
from rai_scale.tables.readers.parquet import open_file
from rai_scale.tables.source import TableSource

_LOG = logging.getLogger(__name__)
MOST_FILES = 1000
"""Largest number of Parquet footers that are read for a profile."""


def profile_of(
    source: TableSource,
    *,
    rows: int | None = None,
    nulls: Mapping[str, float | None] | None = None,
    categories: Mapping[str, Mapping[str, float]] | None = None,
) -> dict[str, Any]:
    """Return ``table``, ``rows``, ``nulls`` (share by column) and ``categories``.

    Numbers that the job did not count come from the statistics in Parquet footers, if there are
    any. ``categories`` are shares of groups that the outputs of the run name anyway. Columns whose
    name looks like personal data are omitted.
    """
    counted = (None, {}) if rows is not None and nulls is not None else _from_footers(source)
    shares = dict(counted[1] if nulls is None else nulls)
    return {
        "table": source.name,
        "rows": counted[0] if rows is None else rows,
        "nulls": {name: share for name, share in shares.items() if not looks_personal(name)},
        "categories": {name: dict(shares) for name, shares in (categories or {}).items()},
    }


def _from_footers(source: TableSource) -> tuple[int | None, dict[str, float | None]]:
    if source.format != "parquet" or not 0 < len(source.files) <= MOST_FILES:
        return None, {}
    rows, nulls, seen = 0, dict[str, int | None](), dict[str, int]()
    try:
        for info in source.files:
            with open_file(place_of(source.file_path(info))) as file:
                rows += file.metadata.num_rows
                _add_nulls(file.metadata, nulls, seen)
    except Exception as error:  # a run does not fail because of its profile
        _LOG.warning("no profile of %s: %s", source.name, type(error).__name__)
        return None, {}
    # in a file without the column, it is null in every row
    shares = {
        name: None if count is None or not rows else (count + rows - seen[name]) / rows
        for name, count in nulls.items()
    }
    return rows, shares


def _add_nulls(metadata: Any, nulls: dict[str, int | None], seen: dict[str, int]) -> None:
    for group in map(metadata.row_group, range(metadata.num_row_groups)):
        for column in map(group.column, range(group.num_columns)):
            name, found = column.path_in_schema, column.statistics
            if "." in name:
                continue  # part of a nested column, or a name with a dot
            seen[name] = seen.get(name, 0) + group.num_rows
            known = found is not None and found.has_null_count
            before = nulls.get(name, 0)
            nulls[name] = before + found.null_count if known and before is not None else None


def shares_of(names: Iterable[Any], rows: Iterable[Any]) -> dict[str, float]:
    """Return the share of each group in all rows that are counted."""
    counted = {str(k): float(n) for k, n in zip(names, rows, strict=True) if np.isfinite(float(n))}
    whole = sum(counted.values())
    return {name: n / whole for name, n in counted.items()} if whole else {}
