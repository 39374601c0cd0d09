"""Worker processes of one machine; they end when their parent ends, however it ends."""

from __future__ import annotations

import atexit
import ctypes
import os
import signal
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from queue import SimpleQueue
from typing import Any
from weakref import WeakSet

from loky import get_reusable_executor

_IDLE_SECONDS = 60
_PR_SET_PDEATHSIG = 1


class _Keeper:
    """A thread that starts all worker processes and lives as long as this process.

    Linux ends a worker when the *thread* that started it ends, and work may be submitted by a
    short-lived thread, such as one of DuckDB's.
    """

    def __init__(self) -> None:
        self.pid = os.getpid()
        self.pool: Any = None
        self.running: WeakSet[Future[Any]] = WeakSet()
        self._asked: SimpleQueue[tuple[Callable[[], Future[Any]], Future[Any]]] = SimpleQueue()
        threading.Thread(target=self._work, name="rai_scale workers", daemon=True).start()

    def submit(self, workers: int, function: Callable[[bytes], Any], pickled: bytes) -> Future[Any]:
        """Submit one call to a pool of ``workers`` processes."""
        answer: Future[Any] = Future()
        first = self.pool is None
        self._asked.put((lambda: self._pool_of(workers).submit(function, pickled), answer))
        running: Future[Any] = answer.result()
        self.running.add(running)
        if (
            first
        ):  # registered after loky's own, which waits for all work, so that it runs before it
            getattr(threading, "_register_atexit", atexit.register)(end_abandoned)
        return running

    def _pool_of(self, workers: int) -> Any:
        self.pool = get_reusable_executor(
            max_workers=workers,
            timeout=_IDLE_SECONDS,
            initializer=end_with_parent,
            initargs=(self.pid,),
            # if it changes (credentials, for example), loky starts new processes
            env={k: v for k, v in os.environ.items() if not k.startswith("PYTEST_")},
        )
        return self.pool

    def _work(self) -> None:
        while True:
            call, answer = self._asked.get()
            try:
                answer.set_result(call())
            except BaseException as error:
                answer.set_exception(error)


_LOCK = threading.Lock()
_KEEPERS: list[_Keeper] = []


def submit(workers: int, function: Callable[[bytes], Any], pickled: bytes) -> Future[Any]:
    """Run ``function(pickled)`` in one of ``workers`` processes, which later calls reuse."""
    return _keeper().submit(workers, function, pickled)


def end_workers() -> None:
    """End the worker processes now, busy or not; the next call starts new ones."""
    for keeper in _KEEPERS:
        if keeper.pid == os.getpid() and keeper.pool is not None:
            keeper.pool.shutdown(wait=False, kill_workers=True)


def end_abandoned() -> None:
    """End the worker processes if they are still busy: their results are not needed."""
    if any(not future.done() for keeper in _KEEPERS for future in keeper.running):
        end_workers()


def _keeper() -> _Keeper:
    with _LOCK:
        if not _KEEPERS or _KEEPERS[0].pid != os.getpid():  # a fork has no copies of threads
            _KEEPERS[:] = [_Keeper()]
        return _KEEPERS[0]


def end_with_parent(parent: int) -> None:
    """Let the kernel end this worker process when the process that started it ends.

    Where there is no ``prctl``, a thread watches the parent instead; it is slower, because it has
    to wait for the interpreter's lock, which compiled code may hold for minutes.

    Parameters
    ----------
    parent : int
        The process ID of the parent.
    """
    try:
        prctl = ctypes.CDLL(None, use_errno=True).prctl
        asked = prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0) == 0
    except (OSError, AttributeError):
        asked = False
    if os.getppid() != parent:  # it ended before prctl was called
        os._exit(1)
    if not asked:
        threading.Thread(target=_watch, args=(parent,), daemon=True).start()


def _watch(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(1)
    os._exit(1)
