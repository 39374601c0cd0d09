"""Archives and compressed files: their files are read in memory, and nothing is written."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from typing import Any, BinaryIO

from rai_scale.errors import NotReadError
from rai_scale.tables.documents.work import Entry, Row, Work, blocks

_DAMAGED = (zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError, OSError, tarfile.TarError)
_ENCRYPTED = 1


def open_zip(entry: Entry, work: Work) -> zipfile.ZipFile:
    """Open a ZIP archive; the list of a damaged one may be that of an archive within it."""
    try:
        archive = zipfile.ZipFile(entry.stream)
    except _DAMAGED:
        raise NotReadError("damaged") from None
    starts = [info.header_offset for info in archive.infolist()]
    if min(starts, default=0) and entry.head().startswith(b"PK\x03\x04"):
        work.note_once("damaged: its list of files is incomplete")
    return archive


def unpacked(archive: zipfile.ZipFile, info: zipfile.ZipInfo, work: Work) -> bytes:
    """Return the content of a file in an archive that is needed as a whole."""
    content, whole = _unpacked(archive, info, work)
    if not whole:
        raise NotReadError("larger than max_bytes")
    return content


def _unpacked(archive: zipfile.ZipFile, info: zipfile.ZipInfo, work: Work) -> tuple[bytes, bool]:
    if info.flag_bits & _ENCRYPTED:
        raise NotReadError("password protected")
    try:
        with archive.open(info) as stream:
            return work.unpack(stream.read)
    except NotImplementedError:
        raise NotReadError("packed by an unknown method") from None
    except _DAMAGED:
        raise NotReadError("damaged") from None


def read_zip(entry: Entry, work: Work) -> Iterator[Row | Entry]:
    """Yield the files of a ZIP archive, and its comments."""
    with open_zip(entry, work) as archive:
        comments = (archive.comment, *(info.comment for info in archive.infolist()))
        yield from blocks(("comment", text.decode("utf-8", "replace")) for text in comments)
        for info in archive.infolist():
            if info.is_dir():
                continue
            try:
                content, whole = _unpacked(archive, info, work)
                yield entry.inner(info.filename, content, work, whole)
            except NotReadError as why:
                _note(why, work)


def _note(why: NotReadError, work: Work) -> None:
    """Note why one file of an archive is not read; a limit for all of them ends the archive."""
    if type(why) is not NotReadError:
        raise why
    work.note(str(why))


def read_tar(entry: Entry, work: Work) -> Iterator[Entry]:
    """Yield the files of a tar archive."""
    yield from _tar_files(entry, entry.stream, work)


def _tar_files(entry: Entry, stream: Any, work: Work) -> Iterator[Entry]:
    kept = _Kept(stream)
    try:
        with tarfile.open(fileobj=kept, mode="r|") as archive:  # type: ignore[call-overload]
            for info in archive:
                if info.isdir():
                    continue
                if not info.isreg():
                    work.add_file()
                    work.note("link or device in an archive: not followed")
                    continue
                file = archive.extractfile(info)
                content, whole = work.unpack(file.read) if file else (b"", True)
                try:
                    yield entry.inner(info.name, content, work, whole)
                except NotReadError as why:
                    _note(why, work)
            if kept.block(archive.offset) != bytes(tarfile.BLOCKSIZE):
                work.note("damaged")  # tarfile takes a damaged header for the end
    except _DAMAGED:
        work.note("damaged")


class _Kept:
    """A stream that keeps the last blocks that were read."""

    def __init__(self, stream: Any) -> None:
        self._stream, self._last, self._end = stream, b"", 0

    def read(self, size: int) -> bytes:
        """Read up to ``size`` bytes."""
        chunk = bytes(self._stream.read(size))
        self._last = self._last[-tarfile.RECORDSIZE :] + chunk
        self._end += len(chunk)
        return chunk

    def block(self, at: int) -> bytes:
        """Return the block at a position near the end of what was read."""
        start = at - (self._end - len(self._last))
        return self._last[start : start + tarfile.BLOCKSIZE]


def read_compressed(entry: Entry, work: Work) -> Iterator[Entry]:
    """Yield the files of a compressed tar archive, or the one file that was compressed."""
    stem, _, ending = entry.name.rpartition(".")
    tarred = ending in ("tgz", "tbz2", "txz", "tzst") or stem.lower().endswith(".tar")
    stream = _decompressed(entry)
    try:
        start = stream.read(512)
        again = _Joined(start, stream)
        if tarred or start[257:262] == b"ustar":
            yield from _tar_files(entry, again, work)
            return
        content, whole = work.unpack(again.read)
    except _DAMAGED:
        raise NotReadError("damaged") from None
    yield entry.inner(stem or entry.name, content, work, whole)


class _Joined:
    """A stream of which the first bytes were already read."""

    def __init__(self, start: bytes, rest: Any) -> None:
        self._start, self._rest = io.BytesIO(start), rest

    def read(self, size: int = -1) -> bytes:
        """Read up to ``size`` bytes."""
        return self._start.read(size) or bytes(self._rest.read(size))


def _decompressed(entry: Entry) -> Any:
    head = entry.head()
    if head.startswith(b"\x1f\x8b"):
        return gzip.GzipFile(fileobj=entry.stream)
    if head.startswith(b"BZh"):
        return bz2.BZ2File(entry.stream)
    if head.startswith(b"\xfd7zXZ"):
        return lzma.LZMAFile(entry.stream)
    return _zstandard(entry.stream)


def _zstandard(stream: BinaryIO) -> Any:
    import pyarrow as pa

    return pa.CompressedInputStream(pa.PythonFile(stream, "r"), "zstd")
