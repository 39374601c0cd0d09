"""Histograms over public bins or categories: every bin is shown, empty or not."""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from rai_scale.errors import ConfigError
from rai_scale.privacy.noise import Kind
from rai_scale.privacy.options import Privacy
from rai_scale.private_queries.api import private_sql
from rai_scale.private_queries.metadata import Given
from rai_scale.private_queries.release.result import PrivateRelease


def private_histogram(
    frame: Any,
    table: str,
    column: str,
    metadata: Given,
    *,
    privacy: Privacy,
    edges: Sequence[float] | None = None,
    categories: Sequence[Any] | None = None,
    mechanism: Kind = "laplace",
    groups_per_unit: int | None = None,
    rows_per_group: int | None = None,
    time_zone: str = "UTC",
    hash_key: bytes | None = None,
) -> PrivateRelease:
    """Count rows per public bin or category.

    Parameters
    ----------
    frame : pyspark, dask or pandas DataFrame, DuckDB relation, pyarrow Table
        The table.
    table, column : str
        Their names in the metadata.
    metadata, privacy, mechanism, groups_per_unit, rows_per_group, time_zone, hash_key
        As for :func:`~rai_scale.private_queries.api.private_sql`.
    edges : sequence of float
        Bins ``[edges[i], edges[i + 1])``, numbered from 0; values outside are ignored.
    categories : sequence
        Declared values, instead of ``edges``.

    Returns
    -------
    PrivateRelease
        With the columns ``bin`` (or ``category``) and ``n``, and a row for each bin.

    Raises
    ------
    ConfigError
        If not exactly one of edges and categories is given, or they are invalid.
    BudgetExceededError
        Before any data are read.
    """
    if (edges is None) == (categories is None):
        raise ConfigError("a histogram needs either edges or categories.")
    name = column if re.fullmatch(r"[A-Za-z]\w*", column) else '"' + column + '"'
    if '"' in column:
        raise ConfigError("a histogram cannot use a column whose name has a quotation mark.")
    if edges is None:
        values: Sequence[Any] = list(categories or ())
        group, label = name, "category"
    else:
        group, label = _bins(name, edges), "bin"
        values = range(len(edges) - 1)
    query = f"SELECT {group} AS {label}, COUNT(*) AS n FROM {table} GROUP BY {group}"  # noqa: S608
    return private_sql(
        query,
        {table: frame},
        metadata,
        privacy=privacy,
        groups={label: values},
        mechanism=mechanism,
        groups_per_unit=groups_per_unit,
        rows_per_group=rows_per_group,
        time_zone=time_zone,
        hash_key=hash_key,
    )


def _bins(name: str, edges: Sequence[float]) -> str:
    found = [float(edge) for edge in edges]
    rising = all(a < b for a, b in itertools.pairwise(found))
    if len(found) < 2 or not rising or not all(map(math.isfinite, found)):  # noqa: PLR2004
        raise ConfigError("edges must be two or more finite numbers in ascending order.")
    texts = [f"{Decimal(repr(edge)):f}" for edge in found]  # the grammar reads no exponents
    whens = [f"WHEN {name} < {texts[0]} THEN -1"]
    whens += [f"WHEN {name} < {high} THEN {i}" for i, high in enumerate(texts[1:])]
    return f"CASE {' '.join(whens)} ELSE -1 END"
