"""The process that reads files: parsers of foreign files can hang, crash, or fill the memory.

It reads requests from its standard input and writes frames (a tag, a length, bytes) to its standard
output. It ends itself if one file takes too long, and when the process that started it ends.
"""

from __future__ import annotations

import contextlib
import faulthandler
import io
import json
import os
import pickle
import select
import struct
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import IO, Any, BinaryIO

from rai_scale.errors import NotReadError
from rai_scale.tables.documents.kinds import kind_of, rows_of
from rai_scale.tables.documents.limits import DocumentLimits
from rai_scale.tables.documents.office import read_beside_sheets
from rai_scale.tables.documents.work import BLOCK, Entry, Work
from rai_scale.tables.path_names import base_name
from rai_scale.tables.paths import Place, place_of

ROWS, OUTLINE, CONTENT, ASK, DONE = b"R", b"O", b"C", b"A", b"D"
DOCUMENTS = "documents"
IDLE_SECONDS = 60
_HEADER = struct.Struct(">cQ")
_BATCH_ROWS, _BATCH_CHARS = 1_000, 64 * BLOCK


@dataclass(frozen=True)
class Request:
    """What to read.

    Attributes
    ----------
    path : str
        The path or address of the file.
    kind : str
        ``documents`` for rows of text, or the kind of a file with tables.
    inner : str or None
        The sheet or table to read; None for an outline of all of them. For ``documents``, any
        name asks for the text of a workbook outside of its cells.
    limits : DocumentLimits
    """

    path: str
    kind: str
    inner: str | None
    limits: DocumentLimits

    def answer(self, channel: Channel) -> str:
        """Send what was asked for; see :func:`answer`."""
        return answer(self, channel.put, channel.clock.renew)


def send(stream: IO[bytes], tag: bytes, content: bytes) -> None:
    """Write one frame."""
    stream.write(_HEADER.pack(tag, len(content)))
    stream.write(content)
    stream.flush()


def receive(stream: IO[bytes]) -> tuple[bytes, bytes]:
    """Read one frame; raises EOFError if the other process has ended."""
    header = stream.read(_HEADER.size)
    if len(header) < _HEADER.size:
        raise EOFError
    tag, size = _HEADER.unpack(header)
    content = stream.read(size)
    if len(content) < size:
        raise EOFError
    return tag, content


def main() -> None:
    """Answer requests until the input ends or nothing was asked for a minute."""
    source = os.fdopen(os.dup(0), "rb")
    target = os.fdopen(os.dup(1), "wb")
    with open(os.devnull, "r+b") as null:
        os.dup2(null.fileno(), 0)
        os.dup2(null.fileno(), 1)  # a library that prints must not disturb the frames
        while select.select([source], [], [], IDLE_SECONDS)[0]:
            try:
                _, content = receive(source)
            except EOFError:
                return
            request: Any = pickle.loads(content)  # noqa: S301 - from the parent process
            _limit_memory(request.limits.max_memory)
            clock = Clock(request.limits.max_seconds, null)
            clock.go()
            why = request.answer(Channel(source, target, clock))
            clock.pause()
            send(target, DONE, json.dumps(why).encode())


@dataclass(frozen=True)
class Channel:
    """The connection to the process that asked; the clock stands while that process works."""

    source: IO[bytes]
    target: IO[bytes]
    clock: Clock

    def put(self, tag: bytes, content: bytes) -> None:
        """Send a frame."""
        self.clock.pause()
        send(self.target, tag, content)
        self.clock.go()

    def ask(self, content: bytes) -> bytes:
        """Send a question; return the answer."""
        self.clock.pause()
        send(self.target, ASK, content)
        _, found = receive(self.source)
        self.clock.go()
        return found


class Clock:
    """Ends this process after some seconds of work, even while compiled code is running."""

    def __init__(self, seconds: float, null: Any) -> None:
        self._seconds = self._left = seconds
        self._null, self._began = null, 0.0

    def go(self) -> None:
        """Let the time run."""
        self._began = time.monotonic()
        faulthandler.dump_traceback_later(max(0.01, self._left), exit=True, file=self._null)

    def pause(self) -> None:
        """Stop the time."""
        faulthandler.cancel_dump_traceback_later()
        self._left -= time.monotonic() - self._began

    def left(self) -> float:
        """Return the seconds that are left."""
        return self._left - (time.monotonic() - self._began)

    def renew(self) -> None:
        """Start with all the seconds again."""
        self.pause()
        self._left = self._seconds
        self.go()


@contextlib.contextmanager
def seekable_file(path: str) -> Iterator[tuple[Place, BinaryIO]]:
    """Open a file; one that cannot be searched is read into memory.

    Raises
    ------
    NotReadError
        If it cannot be opened.
    """
    try:
        place = place_of(path)
        opened = place.open(compression=None)
    except Exception as error:  # of any driver
        raise NotReadError(f"cannot be opened ({type(error).__name__})") from None
    with opened as stream:
        yield place, stream if stream.seekable() else io.BytesIO(stream.read())


Put = Callable[[bytes, bytes], None]


def answer(request: Request, put: Put, renew: Callable[[], None]) -> str:
    """Send what was asked for; returns what was not read and why, or an empty text."""
    work = Work(request.limits, 0, renew=renew)
    try:
        with seekable_file(request.path) as (place, stream):
            path = place.path if place.is_local else None
            entry = Entry(base_name(place.path), stream, path=path)
            work.size = entry.size()
            _answer(request, entry, work, put, renew)
    except NotReadError as error:
        work.note_once(str(error))
    except ModuleNotFoundError as error:
        work.note(f"needs pip install 'rai-scale[{getattr(error, 'extra', 'documents')}]'")
    except MemoryError:
        work.note("needs more memory than max_memory")
    except Exception as error:
        work.note(f"damaged ({type(error).__name__})")
    return work.why()


def _answer(
    request: Request, entry: Entry, work: Work, put: Put, renew: Callable[[], None]
) -> None:
    from rai_scale.tables.documents.tabular import tabular, without_blank

    if request.kind == DOCUMENTS:
        read = read_beside_sheets if request.inner else None
        for batch in _batches(rows_of(entry, work, read)):
            put(ROWS, _table_bytes(dict(zip(("part", "place", "text"), batch, strict=True))))
        return
    if kind_of(entry) != request.kind:
        raise NotReadError("its content is not that of its extension")
    outlines, batches = tabular(request.kind)
    found = outlines(entry, work, request.inner)
    if request.inner is None:
        for outline in found:
            facts = ("inner", "header", "sure_header", "doubts")
            put(OUTLINE, json.dumps({name: getattr(outline, name) for name in facts}).encode())
            put(ROWS, _table_bytes(outline.schema.empty_table()))
        return
    wanted = [outline for outline in found if outline.inner == request.inner]
    if not wanted:
        raise NotReadError("changed since it was found")
    for table in batches(entry, wanted[0], work):
        put(ROWS, _table_bytes(without_blank(table) if request.kind == "xlsx" else table))
        renew()  # a large table may take long, but not a single batch of it


def _batches(rows: Iterator[tuple[str, str, str]]) -> Iterator[list[list[str]]]:
    """Collect rows into columns; what came before a limit is kept."""
    columns: list[list[str]] = [[], [], []]
    size = 0
    stopped = None
    try:
        for row in rows:
            for column, value in zip(columns, row, strict=True):
                column.append(value.encode("utf-8", "replace").decode("utf-8"))
            size += len(row[2])
            if size > _BATCH_CHARS or len(columns[0]) == _BATCH_ROWS:
                yield columns
                columns, size = [[], [], []], 0
    except NotReadError as why:
        stopped = why
    if columns[0]:
        yield columns
    if stopped:
        raise stopped


def _table_bytes(columns: Any) -> bytes:
    import pyarrow as pa

    table = columns if isinstance(columns, pa.Table) else pa.table(columns)
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    return bytes(sink.getvalue())


def _limit_memory(size: int) -> None:
    """Limit the memory of this process to ``size`` bytes more than it has now."""
    with contextlib.suppress(ImportError, OSError, ValueError):
        import resource

        with open("/proc/self/statm", encoding="ascii") as facts:
            now = int(facts.read().split()[0]) * os.sysconf("SC_PAGE_SIZE")
        hard = resource.getrlimit(resource.RLIMIT_AS)[1]
        resource.setrlimit(resource.RLIMIT_AS, (now + size, hard))
