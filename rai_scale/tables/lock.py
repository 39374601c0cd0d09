"""A lock on a folder: a second run is refused, with a message about the first."""

from __future__ import annotations

import errno
import fcntl
import json
import logging
import os
import platform
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from rai_scale.errors import TableError
from rai_scale.tables.paths import Place

LOCK = "_lock.json"
LEASE_SECONDS = 300
"""On a store, where locks do not end with their process, a lock ends if it is not renewed."""

_LOG = logging.getLogger(__name__)
_NO_LOCKS = (errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOSYS, errno.EINVAL)


@contextmanager
def only_run(place: Place) -> Iterator[None]:
    """Lock a folder while the block runs; the file of the lock is removed afterwards.

    Raises
    ------
    TableError
        If another run holds the lock, on this or another machine, or if the folder cannot be
        written.
    """
    with _local(place) if place.is_local else _lease(place):
        yield


@contextmanager
def only_user(file: Place) -> Iterator[None]:
    """Lock a file, through a folder next to it that is removed afterwards; see :func:`only_run`."""
    folder = Place(f"{file.url}.lock", file.fs, f"{file.path}.lock")
    with only_run(folder):
        yield
    if folder.is_local:  # a run that was killed left it
        with suppress(OSError):
            os.rmdir(folder.path)


@contextmanager
def _local(place: Place) -> Iterator[None]:
    """Hold a lock of the operating system, which ends with this process."""
    made: list[str] = []
    path = os.path.join(place.path, LOCK)
    try:
        number = _locked_file(place, path, made)
        os.ftruncate(number, 0)
        os.write(number, json.dumps(_about(), indent=1).encode())
        try:
            yield
        finally:
            with suppress(OSError):
                os.unlink(path)
            os.close(number)
    finally:
        for folder in reversed(made):  # if nothing was written
            with suppress(OSError):
                os.rmdir(folder)


def _locked_file(place: Place, path: str, made: list[str]) -> int:
    flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    while True:
        number = -1
        try:
            made += _make(place.path)
            number = os.open(path, flags, 0o644)
            fcntl.flock(number, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if os.path.samestat(os.fstat(number), os.stat(path)):
                return number
        except BlockingIOError:
            holder = os.pread(number, 10_000, 0)
            os.close(number)
            raise _held(place, holder) from None
        except FileNotFoundError:  # the previous holder has just removed the file or the folder
            pass
        except OSError as error:
            if number >= 0 and error.errno in _NO_LOCKS:
                _LOG.warning("%s: no locks here; do not start a second run", place.url)
                return number
            if number >= 0:
                os.close(number)
            raise TableError(f"{place.url!r} cannot be written: {error.strerror}.") from None
        if number >= 0:
            os.close(number)


def _make(path: str) -> list[str]:
    """Create a folder; return the folders that did not exist, from the top."""
    missing = []
    while path and not os.path.isdir(path):
        missing.append(path)
        path = os.path.dirname(path)
    for folder in reversed(missing):
        with suppress(FileExistsError):
            os.mkdir(folder)
    return missing[::-1]


@contextmanager
def _lease(place: Place) -> Iterator[None]:
    """Hold a lock file in a store, and renew it while the block runs."""
    file, token = place.child(LOCK), uuid.uuid4().hex
    held = _read(file)
    if float(held.get("until", 0)) > time.time():
        raise _held(place, json.dumps(held).encode())
    _renew(file, token, "overwrite" if held else "create", place)
    if _read(file).get("token") != token:
        raise _held(place, json.dumps(_read(file)).encode())
    ended = threading.Event()

    def keep() -> None:
        while not ended.wait(LEASE_SECONDS / 5):
            with suppress(Exception):  # the next attempt may succeed before the lock ends
                _renew(file, token, "overwrite", place)

    keeper = threading.Thread(target=keep, daemon=True)
    keeper.start()
    try:
        yield
    finally:
        ended.set()
        keeper.join()
        with suppress(Exception):
            if _read(file).get("token") == token:
                file.fs.rm_file(file.path)


def _renew(file: Place, token: str, mode: str, place: Place) -> None:
    content = json.dumps(
        {**_about(), "token": token, "until": time.time() + LEASE_SECONDS}
    ).encode()
    try:
        file.fs.pipe_file(file.path, content, mode=mode)
    except (NotImplementedError, TypeError):  # the driver has no exclusive creation
        file.fs.pipe_file(file.path, content)
    except FileExistsError:
        raise _held(place, b"{}") from None


def _read(file: Place) -> dict[str, Any]:
    file.fs.invalidate_cache()
    try:
        with file.open(compression=None) as opened:
            return dict(json.loads(opened.read(10_000)))
    except (OSError, ValueError, TypeError):
        return {}


def _about() -> dict[str, Any]:
    started = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    return {"host": platform.node(), "process": os.getpid(), "at": started}


def _held(place: Place, holder: bytes) -> TableError:
    try:
        about = {name: str(value) for name, value in dict(json.loads(holder)).items()}
        who = f"process {about['process']} on {about['host']}, since {about['at']}"
    except (ValueError, TypeError, KeyError):
        who = "another process"
    return TableError(
        f"{place.url!r}: another run is writing there ({who}). Wait until it has ended, or choose "
        "another location. Nothing was read or written."
    )
