"""Files that a scan proposes and a person reviews: what the person changed is never replaced."""

from __future__ import annotations

import hashlib
import os.path

from rai_scale.errors import ConfigError
from rai_scale.tables.paths import Place, place_of, save_bytes

_MARK = " Made by rai-scale scan; replaced by the next scan as long as it is not changed: "


def save_reviewed(text: str, path: str, key: str, comment: str = "#") -> str | None:
    """Write a text with a checksum, and do not replace a file that a person has changed.

    Parameters
    ----------
    text, path : str
    key : str
        The key of the configuration that names the file, for messages.
    comment : str
        What begins a comment, such as the one with the checksum.

    Returns
    -------
    str or None
        A note on where the text is, if it is not at ``path``.

    Raises
    ------
    ConfigError
        If both ``path`` and the file with ``.new`` in its name were changed.
    """
    stem, ending = os.path.splitext(path)
    mark = comment + _MARK
    for target in (path, f"{stem}.new{ending}"):
        place = place_of(target)
        if place.fs.exists(place.path) and not _unchanged(place, mark):
            continue
        save_bytes(place, f"{text}{mark}{_digest(text)}\n".encode())
        if target == path:
            return None
        return f"{path} was changed after a scan wrote it and is kept; the new one is {target}"
    raise ConfigError(
        f"{key}: {path!r} and {target!r} were not written by a scan, or were changed "
        "afterwards. Move one of them to another folder, or name another file."
    )


def _unchanged(place: Place, mark: str) -> bool:
    try:
        with place.open(compression=None) as file:
            text, _, digest = file.read().decode().rpartition(mark)
    except (OSError, UnicodeDecodeError):
        return False
    return bool(digest == f"{_digest(text)}\n")


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:32]
