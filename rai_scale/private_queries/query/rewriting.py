"""SmartNoise rewrites the query into exact aggregates and an outer query; it never reads data.

It gets mechanisms that add no noise: noise is drawn elsewhere, once, for whole columns.
:mod:`~rai_scale.private_queries.query.post_processing` evaluates the outer tree.
"""

from __future__ import annotations

from typing import Any

from snsql import Privacy
from snsql.metadata import Metadata
from snsql.sql.privacy import Mechanisms
from snsql.sql.private_reader import PrivateReader
from snsql.sql.reader.base import SqlReader

from rai_scale.private_queries.metadata import for_post_processing
from rai_scale.private_queries.problems import QueryRefusedError
from rai_scale.private_queries.query.parse import Parsed
from rai_scale.private_queries.query.spelling import read_back
from rai_scale.upstream.smartnoise import rewritten


class _Identity:
    """A mechanism that adds no noise."""

    def __init__(self, epsilon: float, *_: Any, sensitivity: Any = None, **__: Any) -> None:
        self.epsilon, self.delta, self.sensitivity = epsilon, 0.0, 1

    def release(self, values: list[Any]) -> list[Any]:
        """Return the values as they are."""
        return values


class _NoNoise(Mechanisms):  # type: ignore[misc]
    def get_mechanism(self, sensitivity: Any, stat: str, t: str) -> type[_Identity]:
        """Return the identity for every statistic."""
        return _Identity


class _NoData(SqlReader):  # type: ignore[misc]
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
        inner, outer = rewritten(_reader(metadata), parsed.query)
    except (
        ValueError,
        TypeError,
        AttributeError,
        KeyError,
        AssertionError,
        ArithmeticError,
    ) as error:
        raise QueryRefusedError(f"SmartNoise SQL does not accept the query: {error}") from None
    return read_back(inner, rows=True), read_back(outer, rows=False)
