"""Find the columns of a frame that hold explanations, by their names."""

from __future__ import annotations

import re
from collections.abc import Sequence

from rai_scale.errors import ConfigError, check_columns
from rai_scale.names import names_of


def value_columns(
    names: Sequence[str], prefix: str, features: Sequence[str] | None = None
) -> list[str]:
    """Return the columns that hold the values of ``features``.

    Without ``features``, return all columns that start with ``prefix``, except errors and
    replicates. These may include columns of another class: those of ``high_risk`` also start with
    ``shap_high_``.

    Raises
    ------
    ConfigError
        If there are no such columns.
    MissingColumnError
        If a feature has no such column.
    """
    if features is not None:
        features = names_of(features)
        if not features:
            raise ConfigError("features must list at least one column, or be omitted.")
        check_columns([prefix + name for name in features], names)
        return [prefix + name for name in features]
    found = [name for name in names if name.startswith(prefix) and name != prefix]
    parts = {n for value in found for n in [error_column(value, prefix)]}
    parts |= {n for value in found for n in replicate_columns(names, value, prefix)}
    found = [name for name in found if name not in parts]
    if not found:
        raise ConfigError(
            f"no column starts with {prefix!r}; explain the frame first, or give its prefix."
        )
    return found


def error_column(value: str, prefix: str) -> str:
    """Return the column of errors that belongs to a column of values."""
    method, _, rest = prefix.partition("_")
    return f"{method}_error_{rest}{value.removeprefix(prefix)}"


def replicate_columns(names: Sequence[str], value: str, prefix: str) -> list[str]:
    """Return the columns of replicates that belong to a column of values, in their order."""
    method, _, rest = prefix.partition("_")
    tail = re.escape(rest + value.removeprefix(prefix))
    pattern = re.compile(f"{re.escape(method)}_replicate([0-9]+)_{tail}")
    found = {int(m[1]): name for name in names if (m := pattern.fullmatch(name))}
    return [found[number] for number in sorted(found)]
