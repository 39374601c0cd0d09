"""Every error that rai_scale raises on purpose.

Messages say what failed, what was found and what to do. They never hold a value of the data.
"""

from __future__ import annotations

import difflib
import unicodedata
from collections.abc import Iterable

_UNSEEN = ("Cc", "Cf", "Cs", "Zl", "Zp")


def one_line(text: str) -> str:
    """Return a text in which nothing can begin a line, move a cursor or turn the direction of text.

    Names of files and columns come from others; control characters, line separators, invisible
    marks and lone surrogates are written as Python escapes them.
    """
    if text.isprintable():
        return text
    return "".join(
        c.encode("unicode_escape").decode() if unicodedata.category(c) in _UNSEEN else c
        for c in text
    )


class RaiScaleError(Exception):
    """Base of all errors of this package; each of its arguments is one line of the message."""

    def __str__(self) -> str:
        return "\n".join(one_line(str(line)) for line in self.args)


class ConfigError(RaiScaleError):
    """A configuration or an argument cannot be used as it is."""


class OptionError(ConfigError, ValueError):
    """An object of options cannot be made of these values, in Python or in a configuration."""


class MissingColumnError(RaiScaleError):
    """Columns were named that the table does not have."""


class MissingExtraError(RaiScaleError, ModuleNotFoundError):
    """An optional dependency is needed and not installed."""

    def __init__(self, package: str, extra: str) -> None:
        super().__init__(
            f"{package} is needed and not installed. Run: pip install 'rai-scale[{extra}]'",
            name=package,
        )
        self.extra = extra

    def __reduce__(self) -> tuple[type[MissingExtraError], tuple[str | None, str]]:
        return type(self), (self.name, self.extra)


class MissingModelError(RaiScaleError):
    """A language model is not installed on this machine; it is never downloaded."""


class UnsupportedFrameError(RaiScaleError):
    """No engine knows this kind of frame."""


class TableError(RaiScaleError):
    """A table cannot be read or written."""


class TooManyGroupsError(RaiScaleError):
    """More distinct groups were found than were allowed to come to the driver."""

    def __init__(self, keys: Iterable[str], limit: int) -> None:
        self.keys = list(keys)
        self.limit = limit
        super().__init__(
            f"more than {limit:,} distinct combinations of {', '.join(map(repr, self.keys))}."
        )


WITHHELD = "The original message is withheld because it may quote personal data."


class WorkerError(RaiScaleError):
    """A function failed on a batch of rows.

    Carries the capability, the partition and the type of the error. The message is kept only where
    it is one of this package's own, which hold no values.
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
    """A release would cost more than what is left; raised before any data are read.

    Parameters
    ----------
    scope
        The namespace of the privacy unit, such as ``patients``.
    limit
        What refused: the hard cap of the scope or one of its grants.
    measure
        ``epsilon``, ``delta`` or ``rho``.
    asked, spent, remaining
        Amounts of that measure, as decimal text.
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
            f"over the budget of scope {self.scope!r} ({self.limit}): asked {self.measure} "
            f"{self.asked}, spent {self.spent}, remaining {self.remaining}. No data were read. "
            "Ask for less, or show a release that is stored already."
        )


class GateFailed(RaiScaleError):
    """A check of the configuration did not hold (exit code 1)."""


def did_you_mean(wrong: str, choices: Iterable[str]) -> str:
    """Return ``" Did you mean 'x'?"`` for the nearest choice, or an empty string."""
    near = difflib.get_close_matches(wrong, list(choices), n=1, cutoff=0.6)
    return f" Did you mean {near[0]!r}?" if near else ""


def check_columns(asked: Iterable[str], found: Iterable[str]) -> None:
    """Raise :class:`MissingColumnError` if a column that was asked for is not there."""
    found = list(found)
    missing = [name for name in asked if name not in found]
    if missing:
        hints = "".join(did_you_mean(name, found) for name in missing[:3])
        raise MissingColumnError(
            f"columns not found: {', '.join(map(repr, missing))}.{hints} "
            f"The table has: {', '.join(found)}."
        )
