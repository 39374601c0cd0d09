"""Snapshots of what decided, and replay: does it decide the same again?"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from rai_scale._version import __version__
from rai_scale.engines import engine_of
from rai_scale.errors import ConfigError, check_columns, check_not_taken, not_read
from rai_scale.names import Names, names_of
from rai_scale.personalization.policy_cells import number_column
from rai_scale.personalization.policy_inputs import PROBABILITY, matrix, space_of
from rai_scale.personalization.policy_values import CELL_LIMIT
from rai_scale.personalization.replay_functions import (
    ReplayRows,
    function_parts,
    load_policy,
    replay_function,
)
from rai_scale.results import Result, Tables
from rai_scale.statistics.cells import counts_of

_POLICY = "policy"
_OWN = ("rows", "logged", "replayed")
_KEYS = ("files", "context", "action", "propensity", "data_versions", "package_version")


@dataclass(frozen=True, repr=False)
class Replay(Result):
    """What a snapshot decides again.

    Attributes
    ----------
    files : pandas.DataFrame
        ``name``, ``file`` and ``state``: ``unchanged``, ``changed`` or ``missing``.
    differences : pandas.DataFrame
        Cells whose logged propensity is not that of the policy: the context, the action, ``rows``,
        ``logged`` and ``replayed``. For a policy that is a function, per action, with means. Empty
        if a file has changed, since nothing is then replayed.
    rows : int
        Rows of the log that were replayed.
    """

    files: pd.DataFrame
    differences: pd.DataFrame
    rows: int

    def totals(self) -> Mapping[str, Any]:
        """Return the numbers of rows, of rows that differ, and of changed or missing files."""
        return {
            "rows": self.rows,
            "differences": int(self.differences["rows"].sum()),
            "changed_files": int((self.files["state"] != "unchanged").sum()),
        }

    def _numbers(self) -> Mapping[str, float]:
        return {name: float(value) for name, value in self.totals().items()}

    def _tables(self) -> Tables:
        return {"files": lambda: self.files, "differences": lambda: self.differences}


def save_snapshot(
    path: str | Path,
    *,
    policy: str | Path,
    action: str,
    propensity: str,
    context: Names = (),
    features: Names = (),
    actions: Sequence[Any] = (),
    files: Mapping[str, str | Path] | None = None,
    data_versions: Mapping[str, str] | None = None,
) -> Path:
    """Write a manifest of what decides: policy, model, configuration and versions of data.

    Parameters
    ----------
    path : str or Path
        The JSON file to write.
    policy : str or Path
        A CSV or Parquet file with the columns of ``context``, ``action`` and ``probability``; or a
        Python file with ``make_policy(files)``, which receives the paths of all files by role, and
        returns a picklable function of features (pandas.DataFrame) and the list of actions to
        probabilities of shape (rows, actions).
    action, propensity : str
        Columns of the logs that this policy will write.
    context : str or sequence of str
        The columns that a policy in a table depends on.
    features : str or sequence of str
        The columns that a function receives.
    actions : sequence of str or int
        All actions of a function, in the order of its probabilities.
    files : mapping of str to path, optional
        Other files by their role, such as the model and the configuration.
    data_versions : mapping of str to str, optional
        Versions of the data that the model was trained on, such as those of Delta tables.

    Returns
    -------
    Path

    Raises
    ------
    ConfigError
        If a file cannot be read, or the actions of a function are missing.
    """
    more = function_parts(Path(policy), names_of(features), actions)
    check_not_taken([*names_of(context), action], _OWN, "the table of differences")
    named = {_POLICY: Path(policy), **{k: Path(v) for k, v in (files or {}).items()}}
    home = Path(path).resolve().parent
    manifest = {
        "files": {
            name: {"file": _relative(file, home), "sha256": _hash(file)}
            for name, file in named.items()
        },
        "context": names_of(context),
        "action": action,
        "propensity": propensity,
        "data_versions": dict(data_versions or {}),
        "package_version": __version__,
        **more,
    }
    Path(path).write_text(json.dumps(manifest, indent=2) + "\n", encoding="utf-8")
    return Path(path)


def replay(
    snapshot: str | Path, log: Any, *, tolerance: float = 1e-9, trusted: bool = False
) -> Replay:
    """Decide the logged contexts again, and count where the log differs; executes.

    Every file of the snapshot is compared with its hash first; one changed byte is enough to name
    it, and then nothing is replayed. The probability of each logged action is looked up in the
    policy and compared with the logged propensity, for each combination of context, action and
    propensity, as counted by the engine.

    Parameters
    ----------
    snapshot : str or Path
        The manifest that :func:`save_snapshot` wrote.
    log : DataFrame, DuckDB relation or pyarrow.Table
        pandas, Dask or Spark (classic or Connect).
    tolerance : float
        The largest difference of two equal probabilities.
    trusted : bool
        Whether the code of a policy in a Python file may run, after its hash was compared.

    Returns
    -------
    Replay

    Raises
    ------
    ConfigError
        If the manifest cannot be read, or its policy is code and ``trusted`` is not set.
    MissingColumnError
        If the log lacks a column.
    """
    manifest = _manifest(Path(snapshot))
    home = Path(snapshot).resolve().parent
    rows = [
        {"name": name, "file": one["file"], "state": _state(home / one["file"], one["sha256"])}
        for name, one in manifest["files"].items()
    ]
    files = pd.DataFrame(rows)
    context, action = list(manifest["context"]), manifest["action"]
    names = [*context, action]
    check_not_taken(names, _OWN, "the table of differences")
    empty = pd.DataFrame(columns=[*names, *_OWN])
    if (files["state"] != "unchanged").any():
        return Replay(files, empty, 0)
    engine = engine_of(log)
    if manifest.get("actions"):
        paths = {name: home / one["file"] for name, one in manifest["files"].items()}
        if not trusted:
            raise ConfigError(
                f"policy: {paths[_POLICY].name} is code, which replay runs only with trusted=True "
                "(--trusted)."
            )
        run = ReplayRows(
            load_policy(paths[_POLICY], paths),
            tuple(manifest["features"]),
            tuple(manifest["actions"]),
            action,
            manifest["propensity"],
            tolerance,
        )
        return Replay(files, *replay_function(engine, log, run))
    policy = read_policy(home / manifest["files"][_POLICY]["file"])
    check_columns([*names, manifest["propensity"]], engine.columns(log))
    table = counts_of(engine, log, [*names, manifest["propensity"]], limit=CELL_LIMIT)
    count = table.column(len(names) + 1).to_numpy()
    logged = number_column(table.column(len(names)), manifest["propensity"])
    keys = table.select(list(range(len(names))))
    space = space_of(keys, context, action, [policy[action].unique()])
    known = matrix(policy, space, PROBABILITY, "policy", 0.0)
    at, chosen = space.contexts_of(keys), space.actions_of(keys)
    again = np.where(chosen >= 0, known[at, chosen], 0.0)
    differs = ~(abs(again - logged) <= tolerance)
    found = keys.filter(pa.array(differs)).to_pandas()
    found["rows"], found["logged"] = count[differs], logged[differs]
    found["replayed"] = again[differs]
    found = found.sort_values("rows", ascending=False, ignore_index=True)
    return Replay(files, found, int(count.sum()))


def read_policy(path: Path) -> pd.DataFrame:
    """Return a policy from a CSV or Parquet file.

    Raises
    ------
    ConfigError
        If the file cannot be read.
    """
    try:
        if path.suffix == ".parquet":
            return pq.read_table(path).to_pandas()
        return pd.read_csv(path)
    except (OSError, ValueError) as error:
        raise ConfigError(f"policy: {not_read(path.name, error)}") from None


def _manifest(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ConfigError(not_read(path, error)) from None
    lacking = [key for key in _KEYS if not isinstance(found, dict) or key not in found]
    if lacking:
        raise ConfigError(f"{path} is not a snapshot: it has no {lacking[0]!r}.")
    return dict(found)


def _hash(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise ConfigError(not_read(path, error)) from None


def _state(path: Path, known: str) -> str:
    if not path.is_file():
        return "missing"
    return "unchanged" if _hash(path) == known else "changed"


def _relative(path: Path, home: Path) -> str:
    """Return a path that is still right if the folder of the snapshot is moved, where possible."""
    found = path.resolve()
    return str(found.relative_to(home)) if found.is_relative_to(home) else str(found)
