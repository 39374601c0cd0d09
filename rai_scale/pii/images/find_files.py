"""All files below a path that could be images, with what cannot be opened."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from rai_scale.errors import TableError
from rai_scale.tables.discovery.check import snapshot_of
from rai_scale.tables.discovery.listing import DataFile, Entry, Owner, file_info
from rai_scale.tables.discovery.walk import Walk
from rai_scale.tables.path_names import base_name, parent
from rai_scale.tables.paths import check_exists, place_of
from rai_scale.tables.source import FileInfo, Lake, TableSource

IMAGES = "images"


class _AllFiles(Walk):
    """Collects files of all kinds: the kind of an image is known by its content."""

    def _file(self, path: str, entry: Entry, owner: Owner) -> None:
        self.files.append(DataFile(Owner(), path, IMAGES, file_info(path, entry)))

    def run(self, in_run: bool = False) -> None:
        """Collect everything."""
        super().run(in_run)
        for table, _, _ in self.ready:
            self._skip(table.name, "a table: not a supported format", None)


def find_image_files(source: str, ignore: Sequence[str] = ()) -> Lake:
    """Return one table whose files are all files below a path.

    Parameters
    ----------
    source : str
        A file, or a folder. If an image redaction wrote it, its current run is taken.
    ignore : sequence of str
        Patterns of paths or names to leave out.

    Returns
    -------
    Lake
        ``skipped`` has hidden names, links, and folders that cannot be listed.

    Raises
    ------
    TableError
        If the path does not exist, or if workers cannot open it.
    """
    place = place_of(source)
    if place.is_of_session:
        raise TableError(
            f"{source!r} can be opened by the Spark session alone. Install the fsspec driver of "
            "the store, or use the path where it is mounted."
        )
    check_exists(place)
    place.fs.invalidate_cache()
    if not place.fs.isdir(place.path):
        folder = replace(place, url=parent(place.url), path=parent(place.path))
        only = file_info(base_name(place.path), place.fs.info(place.path))
        return Lake((_table(folder.url, (only,)),))
    walk = _AllFiles(place, None, ignore)
    run = walk.current_lake()
    walk = _AllFiles(place.child(run), None, ignore) if run else walk
    walk.run(in_run=run is not None)
    files = tuple(sorted((file.info for file in walk.files), key=lambda info: info.path))
    return Lake((_table(walk.place.url, files),), tuple(sorted(walk.skipped, key=lambda s: s.path)))


def _table(folder: str, files: tuple[FileInfo, ...]) -> TableSource:
    return TableSource(
        base_name(folder), IMAGES, folder, files=files, snapshot=snapshot_of(files), folder=folder
    )
