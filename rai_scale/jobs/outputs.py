"""A job's own output: apart from what it reads, held by one run at a time, found again whole."""

from __future__ import annotations

import functools
import hashlib
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any, TypeVar

from rai_scale.engines.protocol import Engine
from rai_scale.errors import ConfigError, TableError
from rai_scale.jobs.config import EngineConfig
from rai_scale.jobs.ledgers import ledger_file
from rai_scale.jobs.run import Outcome
from rai_scale.tables.lock import LOCK, only_run
from rai_scale.tables.ownership import files_below
from rai_scale.tables.path_names import hidden
from rai_scale.tables.paths import Place, place_of
from rai_scale.tables.write import check_output

AnyConfig = TypeVar("AnyConfig", bound=EngineConfig)
Job = Callable[[AnyConfig, Engine], Outcome]
_SMALL = 1 << 20


def writes_output(run: Job[AnyConfig]) -> Job[AnyConfig]:
    """Let a job run only where its output is its own, and no other run writes there.

    The decorated job raises :class:`~rai_scale.errors.ConfigError` where output and an input lie
    in one another, or a ledger or restricted log lies in either, and
    :class:`~rai_scale.errors.TableError` where another run holds the output.
    """

    @functools.wraps(run)
    def guarded(config: AnyConfig, engine: Engine) -> Outcome:
        with _own_output(config, engine.name == "spark"):
            return run(config, engine)

    return guarded


@contextmanager
def _own_output(config: Any, on_spark: bool) -> Iterator[None]:
    check_output(config.output)
    output = place_of(config.output, on_spark)
    check_apart(output, inputs_named(config), private_files(config))
    with only_run(output):
        yield


def inputs_named(config: Any) -> dict[str, str]:
    """Return the paths that a configuration reads tables from, by their keys."""
    found = {name: getattr(config, name, None) for name in ("source", "background")}
    tables = getattr(config, "tables", {})
    found |= {f"tables.{k}": path for k, path in tables.items() if isinstance(path, str)}
    return {name: path for name, path in found.items() if path}


def private_files(config: Any) -> dict[str, str]:
    """Return the files that only their owner may read, by their keys."""
    holder = getattr(config, "privacy", None) or config
    ledger = getattr(holder, "ledger", None)
    log = getattr(holder, "restricted_log", None)
    found = {"ledger": ledger and ledger_file(ledger), "restricted_log": log}
    return {name: path for name, path in found.items() if path}


def check_apart(output: Place, inputs: Mapping[str, str], private: Mapping[str, str]) -> None:
    """Raise :class:`ConfigError` where paths that must be apart are not, as they really lead."""
    for key, path in inputs.items():
        with suppress(TableError):  # no driver here: it is read by Spark alone
            given = place_of(path)
            if _real(given) == _real(output):
                raise ConfigError(f"output: is the {key} itself; choose another folder.")
            if _inside(output, given):
                raise ConfigError(
                    f"output: {output.url!r} lies inside of {key} {path!r}, so that the next run "
                    "would read what this one writes; choose another folder."
                )
            if _inside(given, output):
                raise ConfigError(
                    f"output: {output.url!r} holds {key} {path!r}, and what is in an output may "
                    "be replaced; choose another folder."
                )
    for key, path in private.items():
        file = place_of(path)
        for name, folder in {"output": output.url, **inputs}.items():
            with suppress(TableError):
                if _inside(file, place_of(folder)):
                    raise ConfigError(
                        f"{key}: {path!r} lies inside of {name} {folder!r}, which others read and "
                        "may replace; choose a place of its own."
                    )


def check_table_names(names: Iterable[str]) -> None:
    """Raise :class:`ConfigError` where tables cannot each have a folder of their own in an output.

    The folder of ``a`` would hold that of ``a/b``, and plain readers and Delta take all files
    below a folder for the table's.
    """
    parts_of = {name: tuple(name.split("/")) for name in names}
    for name, parts in parts_of.items():
        if any(part in ("", ".", "..") or hidden(part) for part in parts):
            raise ConfigError(
                f"table {name!r} cannot be written under this name: its folder would be hidden or "
                "lie outside of the output. Rename the file in the source."
            )
        outer = next((n for n, p in parts_of.items() if p != parts and parts[: len(p)] == p), None)
        if outer is not None:
            raise ConfigError(
                f"tables {outer!r} and {name!r} cannot stand in one output: the folder of the "
                "first would hold the second. Treat them in two runs with two outputs."
            )


def files_of(output: Place, names: Iterable[str]) -> dict[str, dict[str, Any]]:
    """Return what is now in files and folders of an output, to be compared later.

    By name: the number of files, their bytes, and a hash over their paths and sizes, or over the
    content of a single small file; nothing for a name that is not there.
    """
    output.fs.invalidate_cache()
    found = {}
    for name in names:
        place = output.child(name)
        if not place.fs.exists(place.path):
            continue
        alone = place.fs.isfile(place.path)
        inner = [""] if alone else [path for path in files_below(place) if path != LOCK]
        sizes = [(path, _size(place.child(path))) for path in inner]
        digest = hashlib.sha256(repr(sizes).encode("utf-8", "backslashreplace"))
        if alone and sizes[0][1] <= _SMALL:
            with place.open(compression=None) as file:
                digest.update(file.read())
        found[name] = {
            "files": len(sizes),
            "bytes": sum(size for _, size in sizes),
            "listing": digest.hexdigest()[:16],
        }
    return found


def still_there(output: Place, recorded: Any) -> bool:
    """Return whether an output still holds what :func:`files_of` recorded."""
    if not isinstance(recorded, dict) or not recorded:
        return False
    return files_of(output, recorded) == recorded


def _size(place: Place) -> int:
    return int(place.fs.info(place.path)["size"] or 0)


def _real(place: Place) -> tuple[str, ...]:
    """Return the parts of the path that an address really leads to, links resolved."""
    if place.is_local:
        return ("file", *os.path.realpath(place.path).split("/"))
    return (*place.fs.unstrip_protocol(place.path).rstrip("/").split("/"),)


def _inside(inner: Place, outer: Place) -> bool:
    parts, whole = _real(inner), _real(outer)
    return parts[: len(whole)] == whole and parts != whole
