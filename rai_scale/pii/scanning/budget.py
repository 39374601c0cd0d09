"""A limit on what a run of a scan reads, and on how long it takes."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from rai_scale.errors import ConfigError


@dataclass(frozen=True)
class Budget:
    """What a run may use. It is checked before each table and between its rounds.

    Attributes
    ----------
    max_bytes : int or None
        Size of the files that are read. A table that would exceed it is left out, unless it is the
        first of the run, since no run would read it otherwise.
    max_seconds : float or None
        Time after which no further table or round begins.
    """

    max_bytes: int | None = None
    max_seconds: float | None = None

    def __post_init__(self) -> None:
        """Check the values."""
        for name in ("max_bytes", "max_seconds"):
            value = getattr(self, name)
            if value is not None and not value > 0:
                raise ConfigError(f"budget: {name} must be positive; found {value}.")


@dataclass
class Spending:
    """What a run has used of its budget."""

    budget: Budget = Budget()
    clock: Callable[[], float] = time.monotonic
    bytes: int = 0
    started: float = field(init=False)

    def __post_init__(self) -> None:
        """Start the clock."""
        self.started = self.clock()

    def why_not(self, size: int | None = None) -> str | None:
        """Return why a table of a size in bytes, or another round, must not begin."""
        seconds, most = self.budget.max_seconds, self.budget.max_bytes
        if seconds is not None and self.clock() - self.started >= seconds:
            return f"the time of the budget was used up ({seconds:g} seconds)"
        if size and most is not None and self.bytes and self.bytes + size > most:
            return f"the budget allows {most:,} bytes per run"
        return None
