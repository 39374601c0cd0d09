"""Cohorts: named conditions that keep, count and describe rows of any frame."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from rai_scale.engines.choose import engine_of
from rai_scale.engines.dialect import Dialect
from rai_scale.error_analysis.cohorts.condition_sql import Predicate
from rai_scale.error_analysis.cohorts.conditions import (
    AllOf,
    AnyOf,
    Condition,
    Node,
    Not,
    columns_of,
    to_dict,
    to_text,
)
from rai_scale.error_analysis.cohorts.from_dict import condition_of
from rai_scale.error_analysis.cohorts.from_text import parse_condition
from rai_scale.error_analysis.column_kinds import check_used
from rai_scale.errors import ConfigError

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(frozen=True)
class Cohort:
    """A set of rows, defined by a condition; made by :func:`cohort` or ``ErrorTree.cohort``.

    ``a & b``, ``a | b`` and ``~a`` are cohorts too. A comparison is false where the value is
    missing (null or NaN), also ``!=`` and ``not in``; ``not`` gives exactly the other rows.

    Attributes
    ----------
    condition : Condition
        The parsed condition.
    name : str
        For tables and reports; by default the text of the condition.
    labels : tuple of str, optional
        The columns of labels and predictions, for ``right`` and ``wrong``.
    """

    condition: Condition
    name: str = ""
    labels: tuple[str, str] | None = None

    def __str__(self) -> str:
        return to_text(self.condition)

    def __and__(self, other: Cohort) -> Cohort:
        return Cohort(AllOf((self.condition, other.condition)), labels=self.labels or other.labels)

    def __or__(self, other: Cohort) -> Cohort:
        return Cohort(AnyOf((self.condition, other.condition)), labels=self.labels or other.labels)

    def __invert__(self) -> Cohort:
        return Cohort(Not(self.condition), labels=self.labels)

    @property
    def called(self) -> str:
        """The name, or the text of the condition."""
        return self.name or str(self)

    def filter(self, frame: Any) -> Any:
        """Return the rows of the cohort as a frame of the same kind; lazy where ``frame`` is.

        Parameters
        ----------
        frame : DataFrame, DuckDB relation or pyarrow.Table

        Raises
        ------
        MissingColumnError
            If the frame lacks a column.
        ConfigError
            If a value does not fit the type of its column; the message has no values.
        """
        engine = engine_of(frame)
        return engine.where(frame, self.sql(engine.schema(frame), engine.dialect))

    def count(self, frame: Any) -> int:
        """Return the number of rows of the cohort; executes. Errors are those of ``filter``."""
        engine = engine_of(frame)
        counted = engine.group_counts(self.filter(frame), [])
        return int(counted["count"][0].as_py()) if counted.num_rows else 0

    def sql(self, schema: pa.Schema, dialect: str) -> str:
        """Return the condition as SQL.

        Parameters
        ----------
        schema : pyarrow.Schema
            Of the frame.
        dialect : {"duckdb", "spark", "spark3"}
        """
        check_used(schema, [*columns_of(self.condition), *(self.labels or ())])
        return Predicate(Dialect(dialect), schema, self.labels).sql(self.condition)

    def to_dict(self) -> dict[str, Any]:
        """Return name, condition and label columns as plain values, for YAML and JSON."""
        labels = dict(zip(("y_true", "y_pred"), self.labels or (), strict=False))
        return {"name": self.called, "cohort": to_dict(self.condition), **labels}


def cohort(
    condition: str | Mapping[str, Any] | Cohort,
    *,
    name: str = "",
    y_true: str | None = None,
    y_pred: str | None = None,
    tree: Any = None,
) -> Cohort:
    """Return a cohort: the rows for which a condition holds.

    Parameters
    ----------
    condition : str, mapping or Cohort
        As text, a part of SQL's WHERE: comparisons (``age <= 30``, ``18 <= age < 30``),
        ``between``, ``in``, ``is null``, ``right`` and ``wrong`` (the prediction equals the label
        or not), ``node 3``, with ``and``, ``or``, ``not`` and brackets. Texts are in single quotes;
        columns with spaces or dots in double quotes. As a mapping: ``{"column": "age", "<=": 30}``,
        with ``in``, ``not in``, ``between``, ``missing``; ``{"right": True}``, ``{"node": 3}``; and
        ``{"and": [...]}``, ``{"or": [...]}``, ``{"not": ...}``.
    name : str
        For tables and reports; by default the text of the condition.
    y_true, y_pred : str, optional
        The columns of labels and predictions, for ``right`` and ``wrong``.
    tree : ErrorTree, optional
        The tree whose nodes are meant.

    Returns
    -------
    Cohort
        A comparison is false where the value is missing (null or NaN), also ``!=`` and ``not in``.
        ``not`` gives exactly the other rows, so that a cohort and its ``not`` hold every row once.

    Raises
    ------
    ConfigError
        If the condition is malformed; the message has the position of the error and no values.
    """
    if isinstance(condition, Cohort):
        return Cohort(condition.condition, name or condition.name, condition.labels)
    if (y_true is None) != (y_pred is None):
        raise ConfigError("y_true and y_pred of a cohort are given together.")
    labels = None if y_true is None or y_pred is None else (y_true, y_pred)
    parsed = parse_condition(condition) if isinstance(condition, str) else condition_of(condition)
    if tree is not None:
        labels = labels or (tree.y_true, tree.y_pred)
        parsed = _with_nodes(parsed, tree)
    return Cohort(parsed, name, labels)


def kept_rows(
    frame: Any, where: str | Mapping[str, Any] | Cohort | None, labels: tuple[str, str]
) -> Any:
    """Return the rows of ``frame`` that an analysis is asked for; all of them for None."""
    if where is None:
        return frame
    return cohort(where, y_true=labels[0], y_pred=labels[1]).filter(frame)


def _with_nodes(condition: Condition, tree: Any) -> Condition:
    if isinstance(condition, Node):
        return tree.cohort(condition.number).condition
    if isinstance(condition, Not):
        return Not(_with_nodes(condition.part, tree))
    if isinstance(condition, AllOf | AnyOf):
        return type(condition)(tuple(_with_nodes(part, tree) for part in condition.parts))
    return condition
