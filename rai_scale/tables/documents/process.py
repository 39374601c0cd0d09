"""Reads files through processes of their own (:mod:`~rai_scale.tables.documents.child`)."""

from __future__ import annotations

import atexit
import json
import os
import pickle
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import pyarrow as pa

from rai_scale.tables.documents.child import ASK, CONTENT, DONE, receive, send

_COMMAND = "from rai_scale.tables.documents.child import main; main()"
_TOO_LONG = 1
_IDLE: list[subprocess.Popen[bytes]] = []


def ask(request: Any, reply: Callable[[bytes], bytes] | None = None) -> Iterator[Any]:
    """Read a file in another process.

    Parameters
    ----------
    request : Request or another object with ``limits`` and ``answer``
    reply : callable, optional
        Answers the questions of the other process. If it raises, that process is ended.

    Yields
    ------
    pyarrow.Table
        The rows, as they are read; for an outline, an empty table with the columns of each table.
    dict
        For an outline, the facts about the table that follows.
    bytes
        A new file.
    str
        Last, what was not read and why; empty if everything was read.
    """
    process = _take()
    finished = False
    try:
        try:
            _send(process, request)
            frame = _receive(process)
        except (EOFError, BrokenPipeError):
            if process.wait() != 0:
                raise
            _end(process)  # it had ended because nothing was asked for a while
            process = _start()
            _send(process, request)
            frame = _receive(process)
        while frame[0] != DONE:
            if frame[0] == ASK and reply is not None:
                assert process.stdin is not None
                send(process.stdin, ASK, reply(frame[1]))
            else:
                yield frame[1] if frame[0] == CONTENT else _decoded(frame[1])
            frame = _receive(process)
        finished = True
        yield str(json.loads(frame[1]))
    except (EOFError, BrokenPipeError):
        yield _why_ended(process, request)
    finally:
        if finished:
            _IDLE.append(process)
        else:
            _end(process)


def _send(process: subprocess.Popen[bytes], request: Any) -> None:
    assert process.stdin is not None
    send(process.stdin, b"Q", pickle.dumps(request))


def _receive(process: subprocess.Popen[bytes]) -> tuple[bytes, bytes]:
    assert process.stdout is not None
    return receive(process.stdout)


def _decoded(content: bytes) -> pa.Table | dict[str, object]:
    if content.startswith(b"{"):
        facts: dict[str, object] = json.loads(content)
        return facts
    with pa.ipc.open_stream(content) as reader:
        return reader.read_all()


def _why_ended(process: subprocess.Popen[bytes], request: Any) -> str:
    if process.wait() == _TOO_LONG:
        return f"not read within {request.limits.max_seconds:g} seconds (max_seconds)"
    return "the parser crashed, or needed more memory than max_memory"


def _take() -> subprocess.Popen[bytes]:
    while True:
        try:
            process = _IDLE.pop()
        except IndexError:
            return _start()
        if process.poll() is None:
            return process
        _end(process)


def _start() -> subprocess.Popen[bytes]:
    paths = os.pathsep.join(path or os.getcwd() for path in sys.path)
    return subprocess.Popen(  # noqa: S603 - a fixed command
        [sys.executable, "-c", _COMMAND],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        # Tesseract's threads wait more than they compute
        env={**os.environ, "PYTHONPATH": paths, "OMP_THREAD_LIMIT": "1"},
    )


def _end(process: subprocess.Popen[bytes]) -> None:
    process.kill()
    for stream in (process.stdin, process.stdout):
        with suppress(OSError):
            if stream is not None:
                stream.close()
    process.wait()


@atexit.register
def end_idle() -> None:
    """End the processes that wait for requests; they also end by themselves after a minute."""
    while _IDLE:
        _end(_IDLE.pop())


os.register_at_fork(after_in_child=_IDLE.clear)  # they belong to the parent
