"""An output folder that changes as a whole: a run is staged next to the old one, then published.

Where the file system has links, every name in an output is a link through ``_current``, itself a
link to the folder of the run: renaming another link over ``_current`` changes all names at once.
Elsewhere (object stores, some mounts) the pointer is switched to the folder of the run, and its
files are copied to their names, the manifest last: names without a manifest are not whole.
"""

from __future__ import annotations

import json
import os
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from rai_scale.engines.protocol import Engine
from rai_scale.errors import ConfigError
from rai_scale.jobs.manifest import MANIFEST, read_manifest
from rai_scale.tables.delete import delete_table
from rai_scale.tables.ownership import (
    is_link,
    make_folder,
    names_recorded,
    put_record,
    remove_where_ours,
    token_of,
)
from rai_scale.tables.paths import Place, save_bytes
from rai_scale.tables.pointer import (
    CURRENT,
    LAKE,
    POINTER,
    RUN_PREFIX,
    STAGED_POINTER,
    names_in,
    read_pointer,
    run_folder,
)
from rai_scale.tables.read import read_table
from rai_scale.tables.write import remove_other_runs, write_table

_STAGED = {POINTER: STAGED_POINTER}


@dataclass(frozen=True)
class Stage:
    """The folder of a run in progress, which readers do not see yet."""

    output: Place
    name: str
    token: str
    links: bool
    """Whether names in the output are links to the current run, or copies."""

    @property
    def place(self) -> Place:
        """The folder itself."""
        return self.output.child(self.name)

    def expect(self, names: Sequence[str]) -> None:
        """Record names before files are saved under them, so that a later run may remove them.

        A name that ends with ``/`` is that of a folder.
        """
        named = {*names_recorded(self.place), *(_STAGED.get(name, name) for name in names)}
        put_record(self.place, self.token, named)

    def save(self, name: str, content: bytes) -> None:
        """Write a file of the run atomically."""
        save_bytes(self.of(name), content)

    def of(self, name: str) -> Place:
        """Return where a name of the output is staged."""
        return self.place.child(_STAGED.get(name, name))


@contextmanager
def staged(output: Place, run_id: str, private: bool = False) -> Iterator[Stage]:
    """Yield the folder of a run; it is removed if the run ends before the switch."""
    name = run_folder(run_id, current_run(output))
    stage = Stage(output, name, make_folder(output.child(name), private), _links_work(output))
    try:
        yield stage
    except BaseException:
        if current_run(output) != name:
            remove_where_ours(stage.place)
        raise


def current_run(output: Place) -> str | None:
    """Return the folder of the current run of an output, None before the first."""
    linked = _target(output.child(CURRENT))
    pointer = read_pointer(output) if linked is None else (linked, LAKE)
    return None if pointer is None else pointer[0]


def check_names(output: Place, names: Sequence[str]) -> None:
    """Refuse to replace files that this package did not write.

    Raises
    ------
    ConfigError
        If the run would write a file with the name of such a file.
    """
    linked = is_link(output.child(CURRENT))
    if not linked and (read_manifest(output) is not None or _has_runs(output)):
        return  # by copies, or by a version before links
    for name in names:
        place = output.child(name)
        if not is_link(place) and place.fs.isfile(place.path):
            raise ConfigError(
                f"output: {place.url!r} was not written by this package and would be replaced. "
                "Move it away, or choose another folder."
            )


def _has_runs(output: Place) -> bool:
    runs = (output.child(name) for name in names_in(output) if name.startswith(RUN_PREFIX))
    return any(token_of(run) is not None for run in runs)


def pointer_to(stage: Stage) -> bytes:
    """Return the pointer that leads readers of tables to the folder of the run."""
    return json.dumps({"run": stage.name, "format": LAKE}).encode()


def publish(stage: Stage, files: Sequence[str], tables: Sequence[str], engine: Engine) -> None:
    """Make a staged run the current one, then remove what was there before.

    Parameters
    ----------
    files, tables
        Names in the folder of the run that also appear in the output; the manifest is one of them.
    """
    check_names(stage.output, files)
    if stage.links:
        _switch(stage, [*files, *tables])
    else:
        _copy(stage, files, tables, engine)
    tidy(stage.output)


def tidy(output: Place) -> None:
    """Remove what earlier runs left, also if one of them was stopped after its switch."""
    current = current_run(output)
    if current is None:
        return
    for name in names_in(output) if is_link(output.child(CURRENT)) else ():
        place = output.child(name)
        ours = (_target(place) or "").startswith((f"{CURRENT}/", RUN_PREFIX))
        if ours and name != CURRENT and (name.endswith(".part") or not os.path.exists(place.path)):
            os.unlink(place.path)
    remove_other_runs(output, current)


def _target(place: Place) -> str | None:
    return os.readlink(place.path) if is_link(place) else None


def _links_work(output: Place) -> bool:
    if not output.is_local:
        return False
    try:
        os.unlink(_linked(output, MANIFEST))
    except OSError:
        return False
    return True


def _linked(output: Place, target: str) -> str:
    """Make a link with a temporary name; return its path."""
    path = output.child(f".{uuid.uuid4().hex}.part").path
    os.symlink(target, path)
    return path


def _switch(stage: Stage, names: Sequence[str]) -> None:
    """Make all names lead to the run in one step; before it, new names are dangling links."""
    output = stage.output
    _clear(output, names)
    for name in names:
        through = f"{CURRENT}/{_STAGED.get(name, name)}"
        if _target(output.child(name)) != through:
            os.replace(_linked(output, through), output.child(name).path)
    os.replace(_linked(output, stage.name), output.child(CURRENT).path)


def _clear(output: Place, names: Sequence[str]) -> None:
    """Remove what earlier versions wrote under names that become links, the manifest first."""
    before_links = not is_link(output.child(CURRENT))
    for name in (MANIFEST, *names):
        place = output.child(name)
        if is_link(place) or not os.path.lexists(place.path):
            continue
        if os.path.isdir(place.path):
            delete_table(place.url)
        elif before_links:
            os.unlink(place.path)


def _copy(stage: Stage, files: Sequence[str], tables: Sequence[str], engine: Engine) -> None:
    output = stage.output
    for name in (MANIFEST, CURRENT):  # they speak of what is replaced now
        old = output.child(name)
        if old.fs.exists(old.path) and (name == MANIFEST or is_link(old)):
            old.fs.rm_file(old.path)
    for name in sorted(files, key=lambda name: (name == MANIFEST, name != POINTER)):
        if name == MANIFEST:
            for table in tables:
                staged_table = read_table(stage.place.child(table).url, engine, format="parquet")
                location, run_id = output.child(table).url, stage.name.lstrip("_")
                write_table(staged_table, engine, location, "parquet", run_id=run_id)
        with stage.of(name).open(compression=None) as file:
            save_bytes(output.child(name), file.read())
