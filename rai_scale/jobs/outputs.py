"""The output of a job: separate from its inputs, and locked by one run at a time."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, nullcontext, suppress
from typing import Any

from rai_scale.engines.protocol import Engine
from rai_scale.errors import ConfigError, TableError
from rai_scale.jobs.ledgers import ledger_file
from rai_scale.tables.lock import only_run, only_user
from rai_scale.tables.path_names import hidden
from rai_scale.tables.paths import Place, place_of
from rai_scale.tables.write import check_output


@contextmanager
def own_output(config: Any, engine: Engine) -> Iterator[Place]:
    """Yield the output of a job, locked by this run, with the state that it continues.

    Raises
    ------
    ConfigError
        See :func:`checked_output`.
    TableError
        If another run has locked the output or the state.
    """
    output = checked_output(config, engine)
    state = getattr(config, "state", None)
    with only_run(output), only_user(place_of(state)) if state else nullcontext():
        yield output


def checked_output(config: Any, engine: Engine) -> Place:
    """Return the output of a job, after checking that inputs and private files are elsewhere."""
    check_output(config.output)
    output = place_of(config.output, engine.name == "spark")
    check_apart(output, inputs_named(config), private_files(config))
    return output


def inputs_named(config: Any) -> dict[str, str]:
    """Return the paths of the tables in a configuration, by their keys."""
    source: Any = getattr(config, "source", None)
    found = {"source": source}
    if isinstance(source, dict):
        found = {f"source.{name}": path for name, path in source.items()}
    if isinstance(source, tuple):  # results of other jobs; the dashboard checks their folders
        found = {}
    found["background"] = getattr(config, "background", None)
    return {name: path for name, path in found.items() if path}


def private_files(config: Any) -> dict[str, str]:
    """Return the files that other runs and readers must not replace, by their keys."""
    holder = getattr(config, "private", None) or config
    ledger = getattr(holder, "ledger", None)
    log, restores = getattr(holder, "restricted_log", None), getattr(config, "log", None)
    found = {"ledger": ledger and ledger_file(ledger), "restricted_log": log}
    found["state"] = getattr(config, "state", None)
    if isinstance(restores, str):  # in the personalisation job, it names columns
        found["log"] = ledger_file(restores)
    return {name: path for name, path in found.items() if path}


def check_apart(output: Place, inputs: Mapping[str, str], private: Mapping[str, str]) -> None:
    """Raise :class:`ConfigError` if paths overlap that must not, with links resolved."""
    for key, path in inputs.items():
        with suppress(TableError):  # no driver here: it is read by Spark alone
            given = place_of(path)
            if _real(given) == _real(output):
                raise ConfigError(f"output: is the same as {key}; choose another folder.")
            if _inside(output, given):
                raise ConfigError(
                    f"output: {output.url!r} is inside {key} {path!r}, so that the next run would "
                    "read what this one writes; choose another folder."
                )
            if _inside(given, output):
                raise ConfigError(
                    f"output: {output.url!r} contains {key} {path!r}, which could be replaced; "
                    "choose another folder."
                )
    for key, path in private.items():
        file = place_of(path)
        for name, folder in {"output": output.url, **inputs}.items():
            with suppress(TableError):
                if _inside(file, place_of(folder)):
                    raise ConfigError(
                        f"{key}: {path!r} is inside {name} {folder!r}, which others can read and "
                        "replace; choose another place."
                    )


def check_table_names(names: Iterable[str]) -> None:
    """Raise :class:`ConfigError` if tables cannot have separate folders in an output.

    The folder of ``a`` would contain that of ``a/b``, and readers take all files below a folder as
    parts of one table.
    """
    parts_of = {name: tuple(name.split("/")) for name in names}
    for name, parts in parts_of.items():
        if any(part in ("", ".", "..") or hidden(part) for part in parts):
            raise ConfigError(
                f"table {name!r} cannot be written under this name: its folder would be hidden or "
                "be outside the output. Rename the file in the source."
            )
        outer = next((n for n, p in parts_of.items() if p != parts and parts[: len(p)] == p), None)
        if outer is not None:
            raise ConfigError(
                f"tables {outer!r} and {name!r} cannot be in one output: the folder of the first "
                "would contain the second. Use two runs with two outputs."
            )


def _real(place: Place) -> tuple[str, ...]:
    """Return the parts of the path that an address really leads to, links resolved."""
    if place.is_local:
        return ("file", *os.path.realpath(place.path).split("/"))
    return (*place.fs.unstrip_protocol(place.path).rstrip("/").split("/"),)


def _inside(inner: Place, outer: Place) -> bool:
    parts, whole = _real(inner), _real(outer)
    return parts[: len(whole)] == whole and parts != whole
