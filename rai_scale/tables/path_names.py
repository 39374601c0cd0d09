"""Paths and addresses as text: their parts, and how they are shown."""

from __future__ import annotations

import re


def join(folder: str, relative: str) -> str:
    """Join with one slash; with an empty ``relative``, return the folder itself."""
    return f"{folder.rstrip('/')}/{relative}" if relative else folder


def base_name(path: str) -> str:
    """Return the last part of a path."""
    return path.rstrip("/").rpartition("/")[2]


def parent(path: str) -> str:
    """Return the folder of a path."""
    head, _, _ = path.rstrip("/").rpartition("/")
    return head or "/"


def hidden(name: str) -> bool:
    """Return whether a name is hidden and so not data, by the rule of Hadoop and Spark."""
    return name[:1] == "." or (name[:1] == "_" and "=" not in name)


def without_scheme(url: str) -> str:
    """Return an address without its scheme: ``file:/x``, ``file:///x`` and ``/x`` become equal."""
    return re.sub(r"^[A-Za-z][A-Za-z0-9+.-]+:/*", "/", url)


_PLAIN_VALUE = re.compile(
    r"\d{1,6}|(19|20)\d\d-?[01]\d(-?[0-3]\d)?([T_ ]?[0-2]\d([:h_-]?[0-5]\d){0,2}Z?)?|[A-Za-z]{1,3}"
    r"|true|false|__HIVE_DEFAULT_PARTITION__"
)
_OF_BIRTH = re.compile(r"birth|dob|born|geb|naiss|nacim|nascit", re.IGNORECASE)


def shown(path: str) -> str:
    """Return a path with the values of ``key=value`` folders masked: they may be personal data.

    Small numbers, dates and times (except of birth) and codes of up to three letters are kept.
    """
    return printable("/".join(map(_shown_part, path.split("/"))))


def _shown_part(name: str) -> str:
    key, equals, value = name.partition("=")
    plain = _PLAIN_VALUE.fullmatch(value) and not _OF_BIRTH.search(key)
    return f"{key}=***" if equals and not plain else name


def printable(name: str) -> str:
    """Return a name with characters that UTF-8 cannot encode replaced by ``?``."""
    return name if name.isascii() else name.encode("utf-8", "replace").decode("utf-8")
