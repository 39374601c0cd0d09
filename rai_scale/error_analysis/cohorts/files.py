"""Cohorts in YAML files."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import yaml

from rai_scale.error_analysis.cohorts.one_cohort import Cohort, cohort
from rai_scale.errors import ConfigError, not_read


def save_cohorts(cohorts: Iterable[Cohort] | Mapping[str, Cohort], path: str | Path) -> Path:
    """Write cohorts to a YAML file that :func:`load_cohorts` and jobs read.

    Parameters
    ----------
    cohorts : iterable of Cohort, or mapping of str to Cohort
        A mapping gives the names.
    path : str or Path

    Returns
    -------
    Path
        The file.

    Raises
    ------
    ConfigError
        If two cohorts have the same name.
    """
    if isinstance(cohorts, Mapping):
        cohorts = [cohort(one, name=name) for name, one in cohorts.items()]
    entries = [one.to_dict() for one in cohorts]
    _refuse_twice([entry["name"] for entry in entries])
    path = Path(path)
    text = yaml.safe_dump({"cohorts": entries}, sort_keys=False, allow_unicode=True)
    path.write_text(text, encoding="utf-8")
    return path


def load_cohorts(path: str | Path) -> dict[str, Cohort]:
    """Read cohorts from a YAML file.

    Parameters
    ----------
    path : str or Path
        A file with ``cohorts``: a list of entries with ``name`` and ``cohort`` (text or mapping, as
        in :func:`~rai_scale.error_analysis.cohort`), and ``y_true`` and ``y_pred`` if needed.

    Returns
    -------
    dict of str to Cohort
        By name, in the order of the file.

    Raises
    ------
    ConfigError
        If the file cannot be read or an entry is malformed; the message has the entry's number.
    """
    try:
        found = yaml.safe_load(Path(path).read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(not_read(path, error)) from None
    except yaml.YAMLError:
        raise ConfigError(f"{path} is not valid YAML.") from None
    entries = found.get("cohorts") if isinstance(found, Mapping) else None
    if not isinstance(entries, list):
        raise ConfigError(f"{path} needs a list 'cohorts'.")
    made = [_entry(path, number, entry) for number, entry in enumerate(entries, 1)]
    _refuse_twice([one.called for one in made])
    return {one.called: one for one in made}


def _entry(path: str | Path, number: int, entry: Any) -> Cohort:
    known = {"name", "cohort", "y_true", "y_pred"}
    if not isinstance(entry, Mapping) or "cohort" not in entry or not set(entry) <= known:
        raise ConfigError(
            f"{path}: entry {number} of 'cohorts' needs 'cohort' and may have "
            f"{', '.join(sorted(known - {'cohort'}))}."
        )
    options = {key: value for key, value in entry.items() if key != "cohort"}
    try:
        return cohort(entry["cohort"], **options)
    except ConfigError as error:
        raise ConfigError(f"{path}: entry {number} of 'cohorts': {error}") from None


def _refuse_twice(names: list[str]) -> None:
    double = [name for number, name in enumerate(names) if name in names[:number]]
    if double:
        raise ConfigError(f"{len(double)} cohorts have the name of another one. Rename them.")
