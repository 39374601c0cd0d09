"""Delete a table that this package wrote, and nothing else."""

from __future__ import annotations

from contextlib import suppress

from rai_scale.errors import TableError
from rai_scale.tables.lock import LOCK, only_run
from rai_scale.tables.ownership import check_ours, is_link, remove_folder, token_of
from rai_scale.tables.paths import place_of
from rai_scale.tables.pointer import POINTER, RUN_PREFIX, names_in, read_pointer


def delete_table(location: str) -> None:
    """Delete a table that this package wrote; nothing happens if it does not exist.

    Parameters
    ----------
    location : str
        The folder of the table.

    Raises
    ------
    TableError
        If the folder contains anything else: a table of another program, a file that no writer
        creates, or a link. Nothing is then deleted.
    """
    place = place_of(location)
    if not is_link(place) and not place.fs.exists(place.path):
        return
    if token_of(place) is not None:  # a Delta table
        with only_run(place):
            check_ours(place, ignored=(LOCK,))
            place.fs.rm(place.path, recursive=True)
        return
    names = [name for name in names_in(place) if name not in (POINTER, LOCK)]
    runs = all(name.startswith(RUN_PREFIX) for name in names)
    if is_link(place) or place.fs.isfile(place.path) or not runs:
        check_ours(place)
        raise TableError(
            f"{place.url!r} holds files that rai_scale did not write. Nothing was deleted."
        )
    for name in names:
        check_ours(place.child(name))
    with only_run(place):
        if read_pointer(place) is not None:  # first, so that an incomplete table is never read
            place.fs.rm_file(place.child(POINTER).path)
        for name in names:
            remove_folder(place.child(name))
    with suppress(OSError):  # it has new content, or the store has no folders
        place.fs.rmdir(place.path) if "/" in place.path.strip("/") else None
