"""Decisions of reviewers on columns, in YAML or Python."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from fnmatch import fnmatchcase
from typing import Any, Literal

import yaml
from pydantic import Field

from rai_scale.errors import ConfigError, did_you_mean
from rai_scale.pii.analysis.config import Frozen, checked
from rai_scale.tables.paths import place_of

Decision = Literal["personal", "not personal", "quasi-identifier", "secret", "health", "financial"]


class Override(Frozen):
    """A reviewer's decision on columns.

    Attributes
    ----------
    table, column : str
        Names or patterns (``*``, ``?``), as reported; a leaf is named by its path.
    decision : {"personal", "not personal", "quasi-identifier", "secret", "health", "financial"}
        ``personal`` adds to what was found. A class replaces it.
    entity : str, optional
        The type that the column holds, or with ``not personal`` the only type that is rejected.
    reviewer, reason : str
        Shown in the report.
    expires : date
        The last day on which the decision counts.
    """

    table: str = "*"
    column: str = Field(min_length=1)
    decision: Decision
    entity: str | None = None
    reviewer: str = Field(min_length=1)
    reason: str = Field(min_length=1)
    expires: date

    def matches(self, table: str, column: str) -> bool:
        """Return whether the decision is about a column."""
        return fnmatchcase(table, self.table) and fnmatchcase(column, self.column)


@dataclass(frozen=True)
class AppliedOverride:
    """A decision, and what became of it.

    Attributes
    ----------
    override : Override
    columns : int
        Columns whose verdict it decided.
    outcome : {"applied", "expired", "no match", "no effect"}
        ``no effect``: an earlier decision counts, or the rejected type was not found.
    """

    override: Override
    columns: int
    outcome: str

    def to_dict(self) -> dict[str, Any]:
        """Return plain values."""
        about = self.override.model_dump(mode="json")
        return {**about, "columns": self.columns, "outcome": self.outcome}


Overrides = str | os.PathLike[str] | Iterable[Override | Mapping[str, Any]]


def read_overrides(given: Overrides | None) -> tuple[Override, ...]:
    """Return the decisions of a YAML file (a list, also under ``overrides``) or of a list.

    Raises
    ------
    ConfigError
        If the file cannot be read, or a decision is incomplete or has an unknown key.
    """
    where = "overrides"
    items: Any = given
    if isinstance(given, str | os.PathLike):
        where = os.fspath(given)
        items = _loaded(where)
        items = items.get("overrides") if isinstance(items, Mapping) else items
    items = [items] if isinstance(items, str | Mapping) else list(items or ())
    for item in items:
        if not isinstance(item, Override | Mapping):
            raise ConfigError(
                f"{where}: expected a list of decisions with column, decision, reviewer, reason "
                f"and expires; found {type(item).__name__}."
            )
    return tuple(
        item if isinstance(item, Override) else checked(Override, item, f"{where}[{i}].")
        for i, item in enumerate(items)
    )


def check_rejected(decisions: Iterable[Override], known: frozenset[str]) -> None:
    """Raise :class:`ConfigError` if a decision rejects a type that is not known."""
    for i, made in enumerate(decisions):
        if made.decision == "not personal" and made.entity and made.entity not in known:
            hint = did_you_mean(made.entity, sorted(known))
            raise ConfigError(f"overrides[{i}].entity: there is no entity {made.entity!r}.{hint}")


def _loaded(path: str) -> Any:
    place = place_of(path)
    try:
        with place.open(compression=None) as file:
            return yaml.safe_load(file.read())
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise ConfigError(f"overrides: {path!r} cannot be read: {type(error).__name__}.") from None


def active(overrides: Iterable[Override], today: date) -> list[Override]:
    """Return the decisions that count on a day."""
    return [override for override in overrides if override.expires >= today]
