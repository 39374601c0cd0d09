"""How much one privacy unit may contribute, and in which order its rows are kept.

Neighbouring tables differ in all rows of one unit, added or removed. Which rows of a unit are kept
depends on that unit's rows alone, so a unit changes the bounded table by its own kept rows. No
amplification by subsampling is claimed.

Canonical hash of a row, in integers so that every engine computes the same bits: each field
is brought to ``[0, P)`` with ``P = 2**31 - 1`` (null is 0, an integer ``x`` is ``x mod P``, a
text is the first 60 bits of ``sha256(key text || UTF-8 bytes)`` mod P); ``t`` is the sum of
``a_i * field_i`` plus ``b``, mod P; the hash is ``(t * t + c * t) mod P``. The unit comes first,
then the group's keys, then the values. Rows of one hash are ordered by their fields, and rows that
are equal in all fields are interchangeable.
"""

from __future__ import annotations

import hashlib
import math
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field

from rai_scale.errors import ConfigError, OptionError

PRIME = 2**31 - 1
_ANY = 10**9


def check_max_rows(max_rows: object) -> None:
    """Raise :class:`OptionError` unless a limit of rows per unit is an integer of at least 1."""
    if not isinstance(max_rows, int) or isinstance(max_rows, bool) or max_rows < 1:
        raise OptionError(f"max_rows must be an integer of at least 1; found {max_rows!r}.")


@dataclass(frozen=True)
class Sensitivity:
    """How much one unit can change the vector of one column over all groups, in grid units.

    Attributes
    ----------
    groups : int
        How many groups can change (L0).
    each : int
        By how much one group can change (L-infinity).
    l1 : int
        By how much all groups together can change.
    l2_squared : int
        The square of the L2 distance.
    """

    groups: int
    each: int
    l1: int
    l2_squared: int

    @property
    def l2(self) -> float:
        """The L2 distance, rounded up."""
        root = math.isqrt(self.l2_squared)
        if root * root == self.l2_squared:
            return float(root)
        return math.nextafter(math.sqrt(self.l2_squared), math.inf)


@dataclass(frozen=True)
class Bounding:
    """Limits on what one privacy unit contributes to a release.

    Attributes
    ----------
    rows_per_unit : int
        Rows kept per unit, after WHERE.
    groups_per_unit : int, optional
        Groups kept per unit.
    rows_per_group : int, optional
        Rows kept per unit within a group; without groups, within the table.
    enforced : bool
        False where the metadata state that no unit has more rows (row privacy, or ``sample_max_ids:
        False``).
    grouped : bool
        Whether there are groups at all.
    """

    rows_per_unit: int
    groups_per_unit: int | None = None
    rows_per_group: int | None = None
    enforced: bool = True
    grouped: bool = True

    def __post_init__(self) -> None:
        limits = {
            "rows_per_unit (max_ids)": self.rows_per_unit,
            "groups_per_unit": self.groups_per_unit,
            "rows_per_group": self.rows_per_group,
        }
        for name, limit in limits.items():
            if limit is not None and not (isinstance(limit, int) and 1 <= limit <= _ANY):
                raise ConfigError(f"{name} must be an integer from 1 to {_ANY:,}.")
        split = self.groups_per_unit is not None or self.rows_per_group is not None
        if split and not self.enforced:
            raise ConfigError(
                "groups_per_unit and rows_per_group bound a person's rows; the metadata say that "
                "rows are not to be bounded (row_privacy or sample_max_ids: False)."
            )

    @property
    def rows_here(self) -> int:
        """The largest number of rows of one unit in one group."""
        return min(self.rows_per_unit, self.rows_per_group or _ANY)

    @property
    def groups_here(self) -> int:
        """The largest number of groups that one unit is in (L0)."""
        return min(self.rows_per_unit, self.groups_per_unit or _ANY) if self.grouped else 1

    def by_rows(self, largest: int) -> Sensitivity:
        """Return the sensitivity of a sum over rows, each at most ``largest`` in size."""
        each, groups = self.rows_here, self.groups_here
        total = min(self.rows_per_unit, each * groups)
        full, rest = divmod(total, each)  # the most uneven split has the largest L2 distance
        squared = full * each**2 + rest**2
        return Sensitivity(groups, each * largest, total * largest, squared * largest**2)

    def by_units(self) -> Sensitivity:
        """Return the sensitivity of a count of distinct units."""
        groups = self.groups_here
        return Sensitivity(groups, 1, groups, groups)


@dataclass(frozen=True)
class HashKey:
    """The constants of the canonical hash, derived from a secret that no release shows.

    Attributes
    ----------
    secret : bytes
        32 random bytes by default; BLAKE2b uses the first 64.
    """

    secret: bytes = field(default_factory=lambda: secrets.token_bytes(32), repr=False)

    def factor(self, name: str) -> int:
        """Return a constant in ``[1, P)`` (BLAKE2b, keyed)."""
        digest = hashlib.blake2b(name.encode(), key=self.secret[:64], digest_size=8).digest()
        return 1 + int.from_bytes(digest, "big") % (PRIME - 1)

    @property
    def text(self) -> str:
        """The hexadecimal text that goes before a text that is hashed."""
        return hashlib.blake2b(b"text", key=self.secret[:64], digest_size=16).hexdigest()

    def field_number(self, value: int | str | None) -> int:
        """Return a field's number in ``[0, P)``; the reference for the engines' SQL."""
        if value is None:
            return 0
        if isinstance(value, str):
            digest = hashlib.sha256((self.text + value).encode()).hexdigest()
            return int(digest[:15], 16) % PRIME
        return value % PRIME

    def row_hash(self, fields: Sequence[int | str | None], purpose: str = "row") -> int:
        """Return the hash of a row's fields; the reference for the engines' SQL."""
        t = self.factor(f"{purpose} b")
        for i, value in enumerate(fields):
            t += self.factor(f"{purpose} a{i}") * self.field_number(value)
        t %= PRIME
        return (t * t + self.factor(f"{purpose} c") * t) % PRIME
