"""All errors that rai_scale raises on purpose.

Messages say what failed, what was found and what to do. They never contain a value of the data.
"""

from __future__ import annotations

import difflib
import unicodedata
from collections.abc import Iterable
from numbers import Integral, Real
from typing import Any

from rai_scale.names import shown_names

_UNSEEN = ("Cc", "Cf", "Cs", "Zl", "Zp")


def one_line(text: str) -> str:
    """Escape all that could start a new line, move the cursor or change the direction of text.

    Names of files and columns may come from untrusted sources: control characters, line
    separators, invisible marks and lone surrogates are written as Python escapes them.
    """
    if text.isprintable():
        return text
    return "".join(
        c.encode("unicode_escape").decode() if unicodedata.category(c) in _UNSEEN else c
        for c in text
    )


def not_read(name: object, error: Exception) -> str:
    """Return a sentence on a file that cannot be read, without the text of the error."""
    if isinstance(error, FileNotFoundError):
        return f"{name} does not exist."
    if isinstance(error, IsADirectoryError):
        return f"{name} is a folder; give a file."
    if isinstance(error, UnicodeDecodeError):
        return f"{name} is not text in UTF-8."
    return f"{name} cannot be read ({type(error).__name__})."


class RaiScaleError(Exception):
    """The base of all errors of this package; each of its arguments is one line of the message."""

    def __str__(self) -> str:
        return "\n".join(one_line(str(line)) for line in self.args)


class ConfigError(RaiScaleError):
    """A configuration or an argument is not valid."""


class OptionError(ConfigError, ValueError):
    """An object of options cannot be made of these values, in Python or in a configuration."""


class MissingColumnError(RaiScaleError):
    """The table does not have the columns that were named."""


class MissingExtraError(RaiScaleError, ModuleNotFoundError):
    """An optional dependency is needed and is not installed.

    Parameters
    ----------
    package : str
        The missing package.
    extra : str
        The extra of rai-scale that installs it.
    """

    def __init__(self, package: str, extra: str) -> None:
        super().__init__(
            f"{package} is needed and not installed. Run: pip install 'rai-scale[{extra}]'",
            name=package,
        )
        self.extra = extra

    def __reduce__(self) -> tuple[type[MissingExtraError], tuple[str | None, str]]:
        return type(self), (self.name, self.extra)


class MissingModelError(RaiScaleError):
    """A language model is not installed; models are never downloaded."""


class UnsupportedFrameError(RaiScaleError):
    """No engine supports this kind of frame."""


class TableError(RaiScaleError):
    """A table cannot be read or written."""


class NotReadError(Exception):
    """A file, or a file within it, is not read; the argument is the reason, without any value."""


class TooManyGroupsError(RaiScaleError):
    """There are more distinct groups than may come to the driver.

    Parameters
    ----------
    keys : iterable of str
        The columns that define the groups.
    limit : int
        The largest number of groups that was allowed.
    """

    def __init__(self, keys: Iterable[str], limit: int) -> None:
        self.keys = list(keys)
        self.limit = limit
        super().__init__(
            f"more than {limit:,} distinct combinations of {', '.join(map(repr, self.keys))}."
        )


WITHHELD = "The original message is withheld because it may quote personal data."


class WorkerError(RaiScaleError):
    """A function failed on a batch of rows.

    Parameters
    ----------
    label : str
        The name of the operation.
    partition : str
        The number of the partition.
    error : str
        The type of the original error.
    detail : str
        Its message, if this package raised it: such messages contain no values of the data.
    """

    def __init__(self, label: str, partition: str, error: str, detail: str = WITHHELD) -> None:
        super().__init__(label, partition, error, detail)
        self.label = label
        self.partition = partition
        self.error = error
        self.detail = detail

    def __str__(self) -> str:
        return one_line(
            f"{self.label} failed on partition {self.partition}: {self.error}. {self.detail} "
            "(rai_scale worker)"
        )


class BudgetExceededError(RaiScaleError):
    """A release would cost more than the remaining budget; raised before any data are read.

    Parameters
    ----------
    scope
        The namespace of the privacy unit, such as ``patients``.
    limit
        The limit that was exceeded: the hard cap of the scope or one of its grants.
    measure
        ``epsilon``, ``delta`` or ``rho``.
    asked, spent, remaining
        Amounts of the measure, as decimal text.
    """

    def __init__(  # noqa: PLR0917 - positional, so that the error can be pickled
        self, scope: str, limit: str, measure: str, asked: str, spent: str, remaining: str
    ) -> None:
        super().__init__(scope, limit, measure, asked, spent, remaining)
        self.scope = scope
        self.limit = limit
        self.measure = measure
        self.asked = asked
        self.spent = spent
        self.remaining = remaining

    def __str__(self) -> str:
        return one_line(
            f"over the budget of scope {self.scope!r} ({self.limit}): requested {self.measure} "
            f"{self.asked}, spent {self.spent}, remaining {self.remaining}. No data were read. "
            "Request less. A call with the dataset and snapshot of an earlier one returns its "
            "stored release, which costs nothing."
        )


class GateFailed(RaiScaleError):
    """A check of the configuration failed (exit code 1)."""


def did_you_mean(wrong: str, choices: Iterable[str]) -> str:
    """Return ``" Did you mean 'x'?"`` for the closest choice, or an empty string."""
    known = list(choices)
    plain = {choice.casefold(): choice for choice in known}
    near = difflib.get_close_matches(wrong, known, n=1, cutoff=0.6)
    near = near or [plain[c] for c in difflib.get_close_matches(wrong.casefold(), plain, n=1)]
    if not near and wrong[2:]:  # EMAIL for EMAIL_ADDRESS
        near = [plain[c] for c in plain if c.startswith(wrong.casefold())][:1]
    if near and unicodedata.normalize("NFC", near[0]) == unicodedata.normalize("NFC", wrong):
        return f" Did you mean {near[0]!a}, the same letters in another Unicode form?"
    return f" Did you mean {near[0]!r}?" if near else ""


def does_raise(on_error: str) -> bool:
    """Return whether a value that cannot be processed raises an error.

    Raises
    ------
    ConfigError
        If ``on_error`` is neither ``"raise"`` nor ``"null"``.
    """
    if on_error not in ("raise", "null"):
        raise ConfigError(f"on_error must be 'raise' or 'null'; found {on_error!r}.")
    return on_error == "raise"


def check_columns(asked: Iterable[str], found: Iterable[str]) -> None:
    """Raise :class:`MissingColumnError` if a column of ``asked`` is not among ``found``."""
    found = list(found)
    missing = [name for name in asked if name not in found]
    if missing:
        shown = shown_names(found)
        hints = "".join(did_you_mean(name, shown) for name in missing[:3])
        raise MissingColumnError(
            f"columns not found: {', '.join(map(repr, missing))}.{hints} "
            f"The table has: {', '.join(shown)}."
        )


def check_not_taken(names: Iterable[str], taken: Iterable[str], what: str) -> None:
    """Raise :class:`ConfigError` if a column has the name of a column of the result.

    Parameters
    ----------
    names : iterable of str
        Columns that the caller named, and that the result repeats.
    taken : iterable of str
        The columns that the result has of its own.
    what : str
        What the result is, for the message.
    """
    taken = list(taken)
    double = [name for name in names if name in taken]
    if double:
        raise ConfigError(
            f"{what} has a column {double[0]!r} of its own. Rename that column of the table first."
        )


def check_share(name: str, value: Any) -> None:
    """Raise :class:`ConfigError` unless a value is a number between 0 and 1."""
    if isinstance(value, bool) or not isinstance(value, Real) or not 0 < float(value) < 1:
        raise ConfigError(f"{name} must be a number between 0 and 1; found {value!r}.")


def check_integer(name: str, value: Any, least: int | None = None) -> None:
    """Raise :class:`ConfigError` unless a value is an integer that is large enough."""
    small = isinstance(value, Integral) and least is not None and value < least
    if isinstance(value, bool) or not isinstance(value, Integral) or small:
        limit = "" if least is None else f" of at least {least}"
        raise ConfigError(f"{name} must be an integer{limit}; found {value!r}.")
