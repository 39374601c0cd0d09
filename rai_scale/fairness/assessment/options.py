"""The typed options of an assessment, the same in Python and in YAML."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from rai_scale.errors import OptionError
from rai_scale.fairness.assessment.worst_combinations import DEEPEST
from rai_scale.measures.flags import SMALL_GROUP
from rai_scale.names import names_of


@dataclass(frozen=True)
class Comparison:
    """Which groups are compared, with which reference, and which are flagged or hidden.

    Parameters
    ----------
    reference : str or tuple
        The group that all others are compared with: ``"largest"``, ``"best"``, or the levels of a
        group, as for :func:`rai_scale.fairness.reference_table`.
    small_group : int
        Groups with fewer rows are flagged, and excluded from the search; 1 or more.
    suppress_below : int
        Groups with fewer rows are hidden, with complementary suppression; 0 hides none.
        Disparities and gates then use only the groups that are shown.
    depth : int
        Combinations of up to this many sensitive features, 0 to 3, are searched for the groups
        that are worst off; 0: no search.
    searched : sequence of str, optional
        Metrics of that search; by default the first of the metrics that is an error rate or a true
        positive or negative rate.

    Raises
    ------
    OptionError
        If a number is out of range.
    """

    reference: Any = "largest"
    small_group: int = SMALL_GROUP
    suppress_below: int = 0
    depth: int = 2
    searched: Sequence[str] | None = None

    __pydantic_config__: ClassVar[Any] = {"extra": "forbid"}

    def __post_init__(self) -> None:
        if isinstance(self.reference, list):  # YAML has no tuples
            object.__setattr__(self, "reference", tuple(self.reference))
        if self.searched is not None:
            object.__setattr__(self, "searched", tuple(names_of(self.searched)))
        for name, least in (("small_group", 1), ("suppress_below", 0), ("depth", 0)):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int) or value < least:
                raise OptionError(f"{name} must be an integer from {least}; found {value!r}.")
        if self.depth > DEEPEST:
            raise OptionError(f"depth must be at most {DEEPEST}; found {self.depth!r}.")
