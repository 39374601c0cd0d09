"""Worker processes of one machine, which end with their parent however that ends."""

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
    """The one thread that starts worker processes, and that lives as long as this process.

    Linux ends a worker when the *thread* that started it ends. Work is submitted by any thread,
    also by one of DuckDB's that is gone a moment later.
    """

    def __init__(self) -> None:
        self.pid = os.getpid()
        self.pool: Any = None
        self.running: WeakSet[Future] = WeakSet()
        self._asked: SimpleQueue[tuple[Callable[[], Future], Future]] = SimpleQueue()
        threading.Thread(target=self._work, name="rai_scale workers", daemon=True).start()

    def submit(self, workers: int, function: Callable[[bytes], Any], pickled: bytes) -> Future:
        """Hand one call to a pool of so many processes."""
        answer: Future = Future()
        first = self.pool is None
        self._asked.put((lambda: self._pool_of(workers).submit(function, pickled), answer))
        running: Future = answer.result()
        self.running.add(running)
        if first:  # after loky's own, so that it runs before: loky waits for all that was asked
            getattr(threading, "_register_atexit", atexit.register)(end_abandoned)
        return running

    def _pool_of(self, workers: int) -> Any:
        self.pool = get_reusable_executor(
            max_workers=workers,
            timeout=_IDLE_SECONDS,
            initializer=end_with_parent,
            initargs=(self.pid,),
            # where it has changed since (credentials, say), loky starts new processes
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


def submit(workers: int, function: Callable[[bytes], Any], pickled: bytes) -> Future:
    """Run ``function(pickled)`` in one of ``workers`` processes, which later calls share."""
    return _keeper().submit(workers, function, pickled)


def end_workers() -> None:
    """End the worker processes now, whatever they compute; the next call starts new ones."""
    for keeper in _KEEPERS:
        if keeper.pid == os.getpid() and keeper.pool is not None:
            keeper.pool.shutdown(wait=False, kill_workers=True)


def end_abandoned() -> None:
    """End the worker processes if they still compute: nobody is left to read it."""
    if any(not future.done() for keeper in _KEEPERS for future in keeper.running):
        end_workers()


def _keeper() -> _Keeper:
    with _LOCK:
        if not _KEEPERS or _KEEPERS[0].pid != os.getpid():  # a fork does not take threads along
            _KEEPERS[:] = [_Keeper()]
        return _KEEPERS[0]


def end_with_parent(parent: int) -> None:
    """Let the kernel end this worker process when the process that started it is gone.

    A watching thread alone would wait for the interpreter's lock, which compiled code may hold for
    minutes; it is the means where there is no ``prctl``.
    """
    try:
        prctl = ctypes.CDLL(None, use_errno=True).prctl
        asked = prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0) == 0
    except (OSError, AttributeError):
        asked = False
    if os.getppid() != parent:  # it ended before the kernel was asked
        os._exit(1)
    if not asked:
        threading.Thread(target=_watch, args=(parent,), daemon=True).start()


def _watch(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(1)
    os._exit(1)
