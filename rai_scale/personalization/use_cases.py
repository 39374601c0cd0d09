"""The register of use cases: what is personalised, for whom, and who can dispute it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, ClassVar

from rai_scale.errors import ConfigError, did_you_mean

SENSITIVE_AREAS = (
    *("credit", "education", "employment", "health", "housing", "insurance", "legal"),
    *("public services", "safety"),
)
"""Areas in which a decision has legal or similar effects on a person."""


@dataclass(frozen=True)
class UseCase:
    """A decision that is personalised, with what makes it a sensitive use.

    Parameters
    ----------
    name : str
    personalised : str
        What is chosen for a person, in words.
    people : str
        For whom.
    owner : str
        Who answers for it.
    area : str, optional
        One of :data:`SENSITIVE_AREAS`, if the decision belongs to it.
    can_obtain_data : bool
        Whether people can obtain the data that the decision is made from.
    can_dispute : str, optional
        How people dispute a decision; None if they cannot.
    judged_by_others : bool
        Whether a third party later judges people by the decision or its result.
    vulnerable : tuple of str
        Vulnerable people among those affected, such as children.
    reviewed : str, optional
        The date of the last review and who made it.
    """

    name: str
    personalised: str
    people: str
    owner: str
    area: str | None = None
    can_obtain_data: bool = True
    can_dispute: str | None = None
    judged_by_others: bool = False
    vulnerable: tuple[str, ...] = ()
    reviewed: str | None = None

    __pydantic_config__: ClassVar[Any] = {"extra": "forbid"}

    def __post_init__(self) -> None:
        object.__setattr__(self, "vulnerable", tuple(self.vulnerable))
        if self.area is not None and self.area not in SENSITIVE_AREAS:
            raise ConfigError(
                f"use case {self.name!r}: area {self.area!r} is not known."
                f"{did_you_mean(self.area, SENSITIVE_AREAS)} "
                f"Allowed: {', '.join(SENSITIVE_AREAS)}; leave it out for any other."
            )

    def triggers(self) -> tuple[str, ...]:
        """Return the reasons why the use is sensitive; empty if there is none."""
        found = {
            f"decides about {self.area}": self.area is not None,
            "people cannot obtain the data": not self.can_obtain_data,
            "people cannot dispute the decision": self.can_dispute is None,
            "a third party judges people by it": self.judged_by_others,
            f"affects vulnerable people ({', '.join(self.vulnerable)})": bool(self.vulnerable),
        }
        return tuple(reason for reason, holds in found.items() if holds)


def register_of(given: Sequence[UseCase | Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return the register as plain values, sensitive uses first.

    Parameters
    ----------
    given : sequence of UseCase, or of mappings of its fields

    Returns
    -------
    list of dict
        The fields of each use case, ``sensitive`` (bool) and ``triggers`` (list of str).

    Raises
    ------
    ConfigError
        If a name is used twice, or a field is unknown or missing.
    """
    known = [part.name for part in fields(UseCase)]
    cases = []
    for one in given:
        if isinstance(one, UseCase):
            cases.append(one)
            continue
        wrong = [key for key in one if key not in known]
        if wrong:
            raise ConfigError(
                f"a use case has no key {wrong[0]!r}.{did_you_mean(str(wrong[0]), known)}"
            )
        lacking = [key for key in known[:4] if not one.get(key)]
        if lacking:
            raise ConfigError(f"a use case needs {', '.join(lacking)}.")
        cases.append(UseCase(**one))
    names = [case.name for case in cases]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ConfigError(f"use case {twice[0]!r} is registered twice.")
    rows = [
        {
            **{part: getattr(case, part) for part in known},
            "vulnerable": list(case.vulnerable),
            "sensitive": bool(case.triggers()),
            "triggers": list(case.triggers()),
        }
        for case in cases
    ]
    return sorted(rows, key=lambda row: not row["sensitive"])
