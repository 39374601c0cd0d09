"""Parts of addresses, as text."""

from __future__ import annotations

import re


def join(folder: str, relative: str) -> str:
    """Join with one slash; an empty ``relative`` is the folder itself."""
    return f"{folder.rstrip('/')}/{relative}" if relative else folder


def base_name(path: str) -> str:
    """Return the last part of a path."""
    return path.rstrip("/").rsplit("/", 1)[-1]


def parent(path: str) -> str:
    """Return the folder of a path."""
    head, _, _ = path.rstrip("/").rpartition("/")
    return head or "/"


def hidden(name: str) -> bool:
    """Whether a file or folder is not data, by the rule of Hadoop and Spark."""
    return name.startswith(".") or (name.startswith("_") and "=" not in name)


def without_scheme(url: str) -> str:
    """Return an address without its scheme, so that ``file:/x``, ``file:///x`` and ``/x`` agree."""
    return re.sub(r"^[A-Za-z][A-Za-z0-9+.-]+:/*", "/", url)
