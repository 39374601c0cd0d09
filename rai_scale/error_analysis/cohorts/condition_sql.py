"""Conditions as SQL of an engine.

SQL's logic has a third value, null, for comparisons with a missing value. Here ``not`` is moved
down to the comparisons (De Morgan), where it adds the rows with missing values. What is left has
only ``AND`` and ``OR``, in which null is the same as false.
"""

from __future__ import annotations

import datetime as dt
import math
from dataclasses import dataclass
from decimal import Decimal

import pyarrow as pa

from rai_scale.engines.dialect import Dialect
from rai_scale.error_analysis.cohorts.conditions import (
    NEGATED,
    AllOf,
    AnyOf,
    Compare,
    Condition,
    Missing,
    Node,
    Not,
    OneOf,
    Outcome,
    Value,
)
from rai_scale.error_analysis.column_kinds import NUMBERS, error_sql, kind_of, value_sql
from rai_scale.errors import ConfigError

_INT64 = 2**63
_DIGITS = 38
_WANTED = {
    "text": "a text in quotes",
    "bool": "true or false",
    "date": "a date such as '2026-01-31'",
    "time": "a time such as '2026-01-31 12:00:00'",
}


@dataclass(frozen=True)
class Predicate:
    """Writes conditions for one frame.

    Attributes
    ----------
    dialect : Dialect
    schema : pyarrow.Schema
        Of the frame.
    labels : tuple of str, optional
        The columns of labels and predictions, for ``right`` and ``wrong``.
    """

    dialect: Dialect
    schema: pa.Schema
    labels: tuple[str, str] | None = None

    def sql(self, condition: Condition, negated: bool = False) -> str:
        """Return SQL that is true for the rows of a condition, and false or null for others."""
        if isinstance(condition, Not):
            return self.sql(condition.part, not negated)
        if isinstance(condition, AllOf | AnyOf):
            every = isinstance(condition, AllOf) is not negated
            parts = [self.sql(part, negated) for part in condition.parts]
            return f"({(' AND ' if every else ' OR ').join(parts)})" if parts else _truth(every)
        if isinstance(condition, Missing):
            return self._missing(condition.column, negated)
        if isinstance(condition, Outcome):
            return self._outcome(condition, negated)
        if isinstance(condition, Node):
            raise ConfigError(
                "the cohort names a node of an error tree, but no tree was given: use "
                "tree.cohort(number), or cohort(..., tree=tree)."
            )
        if isinstance(condition, OneOf):
            tests = [self._test(Compare(condition.column, "=", v)) for v in condition.values]
            test = f"({' OR '.join(tests)})" if tests else _truth(False)
            test = test if condition.inside is not negated else f"(NOT {test})"
            return self._known(condition.column, test, negated, nan=condition.inside is negated)
        op = NEGATED[condition.op] if negated else condition.op
        test = self._test(Compare(condition.column, op, condition.value))
        return self._known(condition.column, test, negated, nan=op in (">", ">=", "!="))

    def _known(self, column: str, test: str, negated: bool, *, nan: bool) -> str:
        """Return a test with the rows without a value if it is negated, else without them.

        ``nan`` is whether NaN passes the test: in SQL it is above all numbers.
        """
        if negated:
            return f"({self._missing(column, False)} OR {test})"
        odd = nan and kind_of(self.schema, column) == "float"
        return f"({self._missing(column, True)} AND {test})" if odd else test

    def _missing(self, column: str, negated: bool) -> str:
        name = self.dialect.column(column)
        odd = kind_of(self.schema, column) == "float"
        if negated:
            return f"({name} IS NOT NULL AND NOT isnan({name}))" if odd else f"{name} IS NOT NULL"
        return f"({name} IS NULL OR isnan({name}))" if odd else f"{name} IS NULL"

    def _outcome(self, condition: Outcome, negated: bool) -> str:
        if self.labels is None:
            raise ConfigError(
                "the cohort uses 'right' or 'wrong'; name the columns: cohort(..., y_true=..., "
                "y_pred=...)."
            )
        error = error_sql(self.dialect, self.schema, self.labels)
        wanted = 0 if condition.right else 1
        found = f"coalesce({error}, -1) {'<>' if negated else '='} {wanted}"
        return f"({found})"

    def _test(self, condition: Compare) -> str:
        name, op, value = condition.column, condition.op, condition.value
        kind = kind_of(self.schema, name)
        column = value_sql(self.dialect, self.schema, name)
        if kind == "float":  # without a function around it, files can be skipped by the condition
            column = self.dialect.column(name)
        number = isinstance(value, int | float | Decimal) and not isinstance(value, bool)
        if kind in NUMBERS and number:
            assert isinstance(value, int | float | Decimal)
            if isinstance(value, float) and not math.isfinite(value):
                kind = "float"
                column = f"CAST({column} AS DOUBLE)"
            if kind == "float":
                return f"{column} {_sql(op)} {self.dialect.double(float(value))}"
            return self._exact(column, op, _decimal(value), whole=kind == "int")
        literal = self._literal(kind, value)
        if literal is None or (kind == "bool" and op not in ("=", "!=")):
            wanted = _WANTED.get(str(kind), "a number")
            if kind is None:
                raise ConfigError(
                    f"column {name!r} has type {self.schema.field(name).type}; a cohort can only "
                    "test whether it is null."
                )
            raise ConfigError(
                f"column {name!r} has type {self.schema.field(name).type}: compare it with "
                f"{wanted}{' by = or !=' if kind == 'bool' else ''}; found a "
                f"{type(value).__name__}."
            )
        return f"{column} {_sql(op)} {literal}"

    def _literal(self, kind: str | None, value: Value) -> str | None:
        if kind == "text" and isinstance(value, str):
            return self.dialect.text(value)
        if kind == "bool" and isinstance(value, bool):
            return "TRUE" if value else "FALSE"
        if kind in ("date", "time") and isinstance(value, str | dt.date):
            return self._moment(kind, value)
        return None

    def _moment(self, kind: str, value: str | dt.date) -> str | None:
        try:
            found = value if isinstance(value, dt.date) else dt.datetime.fromisoformat(value)
        except ValueError:
            return None
        time = found if isinstance(found, dt.datetime) else dt.datetime.combine(found, dt.time())
        if time.tzinfo is not None:
            time = time.astimezone(dt.UTC).replace(tzinfo=None)
        if kind == "date" and time.time() != dt.time():
            return None
        iso = time.date().isoformat() if kind == "date" else time.isoformat(" ")
        return self.dialect.time(iso, date=kind == "date")

    def _exact(self, column: str, op: str, value: Decimal, *, whole: bool) -> str:
        """Compare integers and decimals without converting them to doubles."""
        known = f"({column} IS NOT NULL)"
        if whole and value != int(value):
            if op in ("=", "!="):
                return f"({known} AND {_truth(op == '!=')})"
            below = Decimal(math.floor(value))
            op, value = ("<=", below) if op in ("<", "<=") else (">", below)
        if whole and not -_INT64 <= value < _INT64:
            least = op in (">", ">=") if value < 0 else op in ("<", "<=")
            return f"({known} AND {_truth(least or op == '!=')})"
        if whole:
            return f"{column} {_sql(op)} {self.dialect.integer(int(value))}"
        scale = max(0, -int(value.as_tuple().exponent))
        digits = max(len(f"{abs(int(value))}") + scale, 1)
        if digits > _DIGITS:
            raise ConfigError(f"a number in a cohort has more than {_DIGITS} digits.")
        return f"{column} {_sql(op)} CAST('{value:f}' AS DECIMAL({digits}, {scale}))"


def _decimal(value: int | float | Decimal) -> Decimal:
    return Decimal(repr(value)) if isinstance(value, float) else Decimal(value)


def _sql(op: str) -> str:
    return "<>" if op == "!=" else op


def _truth(value: bool) -> str:
    return "(1 = 1)" if value else "(1 = 0)"
