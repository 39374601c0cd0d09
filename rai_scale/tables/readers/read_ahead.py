"""Reads several pieces at a time on one machine, and yields rows in the order of the pieces."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from queue import Full, Queue
from threading import Event, Thread

import pyarrow as pa

from rai_scale.tables.readers.arrow import Piece, Reader, Scan

_BATCHES = 4
"""Batches of a piece that may wait to be used."""
_SECONDS = 0.1


@dataclass(frozen=True)
class ScanAhead(Scan):
    """A scan whose reader waits for other processes: each piece has a thread."""

    def tables(self) -> Iterator[pa.Table]:
        """Read all pieces, as many at a time as there are cores."""
        waiting: deque[_Ahead] = deque()
        try:
            for piece in self.pieces:
                if len(waiting) == len(os.sched_getaffinity(0)):
                    yield from waiting[0].tables()
                    waiting.popleft()
                waiting.append(_Ahead(self.reader, piece))
            while waiting:
                yield from waiting[0].tables()
                waiting.popleft()
        finally:  # after an error or an early end, the rest is not needed
            for ahead in waiting:
                ahead.stopped.set()


class _Ahead:
    """The batches of a piece, read by a thread until some are waiting."""

    def __init__(self, reader: Reader, piece: Piece) -> None:
        self.stopped = Event()
        self._queue: Queue[pa.Table | Exception | None] = Queue(_BATCHES)
        Thread(target=self._read, args=(reader, piece), daemon=True).start()

    def tables(self) -> Iterator[pa.Table]:
        """Yield the batches."""
        while (found := self._queue.get()) is not None:
            if isinstance(found, Exception):
                raise found
            yield found

    def _read(self, reader: Reader, piece: Piece) -> None:
        try:
            for table in reader(piece):
                if not self._put(table):
                    return
            self._put(None)
        except Exception as error:
            self._put(error)

    def _put(self, found: pa.Table | Exception | None) -> bool:
        while not self.stopped.is_set():
            try:
                self._queue.put(found, timeout=_SECONDS)
            except Full:
                continue
            return True
        return False
