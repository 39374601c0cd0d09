"""SmartNoise rewrites the query and post-processes noisy aggregates; it never sees the data.

The seam is ``PrivateReader.execute(query, pre_aggregated=...)``. At it, every mechanism is the
identity: noise was drawn before, once, for whole columns.
"""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pandas as pd
from snsql import Privacy
from snsql.metadata import Metadata
from snsql.sql.privacy import Mechanisms
from snsql.sql.private_reader import PrivateReader
from snsql.sql.reader.base import SqlReader

from rai_scale.private_queries.metadata import for_post_processing
from rai_scale.private_queries.parse import Parsed
from rai_scale.private_queries.problems import QueryRefusedError


class _Identity:
    """Stands where SmartNoise draws noise, and changes nothing."""

    def __init__(self, epsilon: float, *_: Any, sensitivity: Any = None, **__: Any) -> None:
        self.epsilon, self.delta, self.sensitivity = epsilon, 0.0, 1

    def release(self, values: list[Any]) -> list[Any]:
        """Return the values as they are."""
        return values


class _NoNoise(Mechanisms):
    def get_mechanism(self, sensitivity: Any, stat: str, t: str) -> type[_Identity]:
        """Return the identity for every statistic."""
        return _Identity


class _NoData(SqlReader):
    ENGINE = "SQLite"

    def __init__(self) -> None:
        super().__init__("SQLite")


def _reader(metadata: Metadata) -> PrivateReader:
    privacy = Privacy(epsilon=1.0, delta=0.0, mechanisms=_NoNoise())
    return PrivateReader(_NoData(), for_post_processing(metadata), privacy=privacy)


def rewrite(parsed: Parsed, metadata: Metadata) -> tuple[Any, Any]:
    """Return SmartNoise's inner and outer query.

    Raises
    ------
    QueryRefusedError
        If SmartNoise does not accept the query; its reason depends on query and metadata only.
    """
    try:
        return _reader(metadata)._rewrite(parsed.text)
    except (
        ValueError,
        TypeError,
        AttributeError,
        KeyError,
        AssertionError,
        ArithmeticError,
    ) as error:
        raise QueryRefusedError(f"SmartNoise SQL does not accept the query: {error}") from None


def post_process(
    text: str, metadata: Metadata, columns: list[list[Any]], rows: int
) -> pd.DataFrame:
    """Return HAVING, ORDER BY, LIMIT and arithmetic over noisy aggregates, as SmartNoise does.

    Parameters
    ----------
    text : str
        The query.
    columns : list of lists
        The inner query's columns in its order, with the noise in them.
    rows : int
        Their length.

    Raises
    ------
    QueryRefusedError
        If an expression over aggregates cannot be computed on the noisy values; the release stays
        stored and paid.
    """
    table = np.empty((rows, len(columns)), dtype=object)
    for at, values in enumerate(columns):
        table[:, at] = values
    try:
        with np.errstate(all="ignore"), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            names, *found = _reader(metadata).execute(text, pre_aggregated=table)
    except (ValueError, TypeError, ArithmeticError, AttributeError) as error:
        raise QueryRefusedError(
            "an expression over aggregates could not be computed on the noisy values "
            f"({type(error).__name__}). The release is stored: nothing is charged again."
        ) from None
    unique = [n if n != "???" else f"column_{i + 1}" for i, n in enumerate(names)]
    return pd.DataFrame({n: [row[i] for row in found] for i, n in enumerate(unique)})
