"""Paths on local disks, mounted stores, and all stores for which fsspec has a driver."""

from __future__ import annotations

import logging
import os
import re
import sys
import uuid
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Any

from rai_scale.errors import RaiScaleError, TableError, did_you_mean
from rai_scale.tables.path_names import base_name, join, parent

_DRIVERS = {
    **dict.fromkeys(("abfs", "abfss", "az", "wasbs"), "adlfs"),
    **dict.fromkeys(("s3", "s3a"), "s3fs"),
    **dict.fromkeys(("gs", "gcs"), "gcsfs"),
    "azureml": "azureml-fsspec",
}
_OPENS: dict[str, bool] = {}
_LOG = logging.getLogger(__name__)
_SCHEME = re.compile(r"^([A-Za-z][A-Za-z0-9+.-]+):/")


class MissingDriverError(TableError):
    """No installed package supports this kind of address."""


@dataclass(frozen=True)
class Place:
    """A path, in the forms that engines and fsspec need.

    Attributes
    ----------
    url : str
        The path or address for an engine.
    fs : fsspec file system
    path : str
        The path in ``fs``.
    """

    url: str
    fs: Any
    path: str

    @property
    def is_of_session(self) -> bool:
        """Whether only a Spark session can open the path, and workers cannot."""
        return bool(self.fs.protocol == "spark-session")

    @property
    def is_local(self) -> bool:
        """Whether the path is on a disk of this machine."""
        protocol = self.fs.protocol
        return "file" in ((protocol,) if isinstance(protocol, str) else protocol)

    def child(self, relative: str) -> Place:
        """Return the path of ``relative`` below this one."""
        return Place(join(self.url, relative), self.fs, join(self.path, relative))

    def open(self, compression: str | None = "infer") -> Any:
        """Open the file for reading bytes; by default, a ``.gz`` file is decompressed."""
        if self.is_local and (compression is None or is_plain(self.path)):
            return open(self.path, "rb")  # a driver takes several times as long to open it
        return self.fs.open(self.path, "rb", compression=compression)

    def small_content(self, most: int) -> bytes | None:
        """Return all bytes of a file on a local disk; None if it is compressed or has too many.

        Parameters
        ----------
        most : int
            The largest number of bytes to read.
        """
        if not (self.is_local and is_plain(self.path)):
            return None
        with open(self.path, "rb") as file:
            return file.read() if os.fstat(file.fileno()).st_size <= most else None

    def create(self) -> Any:
        """Open the file for writing bytes."""
        return self.fs.open(self.path, "wb")


def place_of(url: str, on_spark: bool = False) -> Place:
    """Find the file system of a path or address.

    ``dbfs:/Volumes/x`` is read at ``/Volumes/x`` and any other ``dbfs:/x`` at ``/dbfs/x``. If no
    driver is installed and this process uses a Spark session, the session opens the address.

    Parameters
    ----------
    url : str
        A local path, or an address.
    on_spark : bool
        Whether the path is for Spark, which needs ``dbfs:`` addresses unchanged.

    Raises
    ------
    MissingDriverError
        If nothing opens this kind of address; the message names the package to install.
    """
    from fsspec.core import url_to_fs

    mounted = _mounted(str(url).rstrip("/") or "/")
    if mounted.startswith("/") and "::" not in mounted and mounted == str(url):
        path = os.path.abspath(mounted)
        return Place(path, _local_files(), path)
    try:
        fs, path = url_to_fs(mounted)
        opens = _session() is None or _opens(fs, path)
    except (ImportError, ValueError):
        opens = False
    if not opens:
        of_session = session_place(url)
        if of_session is None:
            raise no_driver(url)
        return of_session
    place = Place(mounted, fs, path.rstrip("/") or "/")
    if not place.is_local:
        return place
    path = os.path.abspath(place.path)
    asked = str(url).rstrip("/")
    return Place(asked if on_spark and asked.startswith("dbfs:") else path, fs, path)


def is_plain(path: str) -> bool:
    """Return whether a file is opened as it is: its name is not that of a compressed file."""
    return _is_plain_ending(os.path.splitext(path)[1])


@lru_cache(256)
def _is_plain_ending(ending: str) -> bool:
    from fsspec.utils import infer_compression

    return infer_compression(f"file{ending}") is None


@cache
def _local_files() -> Any:
    from fsspec.implementations.local import LocalFileSystem

    return LocalFileSystem()


def _mounted(url: str) -> str:
    match = re.match(r"^dbfs:/+(.*)$", url)
    if not match:
        return url
    rest = match.group(1)
    return f"/{rest}" if rest.split("/")[0] == "Volumes" else f"/dbfs/{rest}"


def session_place(url: str) -> Place | None:
    """Return an address as the Spark session in use opens it; None without a session."""
    session = _session()
    if session is None or not _SCHEME.match(url):
        return None
    from rai_scale.tables.session_files import SessionFiles

    address = url.rstrip("/")
    return Place(address, SessionFiles.of(session), address)


def _session() -> Any:
    spark = sys.modules.get("rai_scale.engines.spark")  # imported if there is a session
    return None if spark is None else spark.session_in_use()


def _opens(fs: Any, path: str) -> bool:
    """Return whether a driver can open the bucket or container of a path; checked once for each."""
    protocol = fs.protocol if isinstance(fs.protocol, str) else fs.protocol[0]
    if protocol in ("file", "memory"):
        return True
    bucket = f"{protocol}://{path.split('/', maxsplit=1)[0]}"
    if bucket not in _OPENS:
        try:
            fs.info(path)
        except FileNotFoundError:
            pass
        except Exception as error:  # usually because there are no credentials here
            text = "the driver cannot open %s (%s); the Spark session is used instead"
            _LOG.warning(text, bucket, type(error).__name__)
            _OPENS[bucket] = False
        _OPENS.setdefault(bucket, True)
    return _OPENS[bucket]


def no_driver(url: str) -> MissingDriverError:
    """Return the error for an address that no installed package supports."""
    scheme = _SCHEME.match(url)
    name = scheme.group(1) if scheme else ""
    package = _DRIVERS.get(name)
    advice = f"Run: pip install {package}" if package else "Install its fsspec driver"
    return MissingDriverError(
        f"{url!r} cannot be opened: no installed package supports {name}:// addresses. {advice}, "
        "or use the path where the store is mounted."
    )


def save_bytes(place: Place, content: bytes) -> None:
    """Write a small file atomically; on a store, in one request."""
    place.fs.makedirs(parent(place.path), exist_ok=True)
    if not place.is_local:
        place.fs.pipe_file(place.path, content)
        return
    part = join(parent(place.path), f".{base_name(place.path)}.{uuid.uuid4().hex}.part")
    try:
        with open(part, "xb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(part, place.path)
    except BaseException:
        with suppress(OSError):
            os.unlink(part)
        raise


def check_exists(place: Place) -> None:
    """Raise :class:`TableError` if a path does not exist, with the most similar name there."""
    try:
        if place.fs.exists(place.path):
            return
    except (RaiScaleError, OSError):
        raise
    except Exception as error:  # of the driver, for example because of missing credentials
        raise TableError(
            f"{place.url!r} cannot be accessed: {type(error).__name__}. Check the credentials of "
            "the store, and whether it can be reached from here."
        ) from None
    raise TableError(f"{place.url!r} does not exist.{_hint(place)}")


def _hint(place: Place) -> str:
    if place.is_of_session:  # which lists whole trees
        return ""
    try:
        names: Iterable[str] = place.fs.ls(parent(place.path), detail=False)
        return did_you_mean(base_name(place.path), [base_name(name) for name in names])
    except OSError:
        return f" Its folder {parent(place.url)!r} does not exist either."
