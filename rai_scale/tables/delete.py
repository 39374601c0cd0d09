"""Delete a table that was written here, and nothing else."""

from __future__ import annotations

from contextlib import suppress

from rai_scale.errors import TableError
from rai_scale.tables.lock import LOCK, only_run
from rai_scale.tables.ownership import check_ours, is_link, remove_folder, token_of
from rai_scale.tables.paths import Place, place_of
from rai_scale.tables.pointer import POINTER, RUN_PREFIX, names_in, read_pointer


def delete_table(location: str) -> None:
    """Delete a table that was written here; nothing happens if it is absent.

    Raises
    ------
    TableError
        If the location holds anything else: a table that was made elsewhere, a file that no writer
        makes, a link. Nothing is then deleted.
    """
    place = place_of(location)
    if not is_link(place) and not place.fs.exists(place.path):
        return
    if token_of(place) is not None:  # a Delta table
        with only_run(place):
            check_ours(place, besides=(LOCK,))
            place.fs.rm(place.path, recursive=True)
        return
    names = [name for name in names_in(place) if name not in (POINTER, LOCK)]
    if is_link(place) or place.fs.isfile(place.path) or not _all_runs(place, names):
        check_ours(place)
        raise TableError(f"{place.url!r} holds what was not written here; nothing was deleted.")
    with only_run(place):
        if read_pointer(place) is not None:  # first, so that half a table is never read
            place.fs.rm_file(place.child(POINTER).path)
        for name in names:
            remove_folder(place.child(name))
    with suppress(OSError):  # something new stands there, or a store has no folders
        place.fs.rmdir(place.path) if "/" in place.path.strip("/") else None


def _all_runs(place: Place, names: list[str]) -> bool:
    """Return whether all are folders of runs that were written here, with all that they hold."""
    if not all(name.startswith(RUN_PREFIX) for name in names):
        return False
    for name in names:
        check_ours(place.child(name))
    return True
