"""The parts of a log of decisions, and which of them each function needs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any, ClassVar

from rai_scale.errors import ConfigError, did_you_mean

NEEDS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "check_log": ((), ()),
    "evaluate_policy": (
        ("action", "propensity", "rewards"),
        ("context", "groups", "person"),
    ),
    "audit_exposure": (
        ("item", "person"),
        ("position", "relevance", "groups", "category", "time", "propensity"),
    ),
    "audit_features": (("features",), ("person",)),
    "find_bursts": (("item", "time"), ("source", "features")),
    "apply_consent": (("person",), ()),
    "find_reward_conflicts": (("item", "person"), ()),
    "find_moved_elements": (("item", "position", "person", "time"), ()),
}
"""Per function: the parts that it needs, and those that it also uses."""


_ONE = {"propensities": "propensity", "rewards": "reward", "groups": "group",
        "features": "feature"}  # fmt: skip
"""What one column of a part is called, where the part has several."""


@dataclass(frozen=True)
class LogContract:
    """Which columns of a log hold what; a log needs only the parts that are used.

    The same keys are the block ``log:`` of the job's configuration.

    Parameters
    ----------
    person : str, optional
        The column that identifies a person.
    time : str, optional
        The time of the decision, with a time zone.
    item : str, optional
        What was shown.
    position : str, optional
        The place in the list or on the page, an integer from 1.
    action : str, optional
        What the policy chose.
    propensity : str, optional
        The probability, above 0 and at most 1, with which the policy chose this action.
    propensities : mapping of str to str
        The column with the probability of each action, if the log has them all; the key is the
        action as text.
    rewards : mapping of str to str
        The column of each reward by its name; numbers or booleans.
    context : tuple of str
        Discrete columns that the policy and the model of rewards depend on.
    groups : tuple of str
        Columns that name groups of people.
    features : tuple of str
        Columns that the model reads.
    category : str, optional
        The category of the item.
    relevance : str, optional
        How relevant the item is to the person; a number.
    source : str, optional
        Where the event comes from, such as a device or an address range.
    event : tuple of str
        Columns that identify an event. By default, if person and time are named, these with item,
        position and action as far as they are named.
    sequence : str, optional
        The number of the event among the events of its person: times must not decrease with it.

    Raises
    ------
    ConfigError
        If a column is not named by a text.
    """

    person: str | None = None
    time: str | None = None
    item: str | None = None
    position: str | None = None
    action: str | None = None
    propensity: str | None = None
    propensities: Mapping[str, str] = field(default_factory=dict)
    rewards: Mapping[str, str] = field(default_factory=dict)
    context: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    features: tuple[str, ...] = ()
    category: str | None = None
    relevance: str | None = None
    source: str | None = None
    event: tuple[str, ...] = ()
    sequence: str | None = None

    __pydantic_config__: ClassVar[Any] = {"extra": "forbid"}

    def __post_init__(self) -> None:
        for part in fields(self):
            value = getattr(self, part.name)
            if isinstance(value, list):
                object.__setattr__(self, part.name, value := tuple(value))
            named = value.values() if isinstance(value, Mapping) else value
            named = [named] if isinstance(named, str) else named or ()
            if not all(isinstance(name, str) and name for name in named):
                raise ConfigError(f"log contract: {part.name} must name columns as text.")

    def columns(self) -> list[str]:
        """Return all columns that the contract names, each once."""
        found: list[str] = []
        for part in fields(self):
            value = getattr(self, part.name)
            if isinstance(value, Mapping):
                found += value.values()
            elif value:
                found += [value] if isinstance(value, str) else value
        return list(dict.fromkeys(found))

    def roles(self) -> dict[str, list[str]]:
        """Return what each column is used as, such as ``["feature", "reward click"]``."""
        found: dict[str, list[str]] = {}
        for part in fields(self):
            value, role = getattr(self, part.name), _ONE.get(part.name, part.name)
            if isinstance(value, Mapping):
                named = [(column, f"{role} {key}") for key, column in value.items()]
            else:
                columns = [value] if isinstance(value, str) else value or ()
                named = [(column, role) for column in columns]
            for column, text in named:
                found.setdefault(column, []).append(text)
        return found

    def arguments(self, function: str) -> dict[str, Any]:
        """Return the arguments of a function of this package that the contract knows.

        Parameters
        ----------
        function : str
            Its name, such as ``"evaluate_policy"``.

        Returns
        -------
        dict
            By the names of the function's parameters.

        Raises
        ------
        ConfigError
            If the contract lacks a part that the function needs, or there is no such function.
        """
        if function not in NEEDS:
            raise ConfigError(
                f"no function {function!r}.{did_you_mean(function, NEEDS)} "
                f"There are: {', '.join(NEEDS)}."
            )
        needed, used = NEEDS[function]
        missing = [name for name in needed if not getattr(self, name)]
        if missing:
            raise ConfigError(
                f"{function} needs {', '.join(missing)}, which the log contract does not name. "
                f"Add {'it' if len(missing) == 1 else 'them'} to the contract, or leave "
                f"{function} out."
            )
        found = {name: getattr(self, name) for name in (*needed, *used) if getattr(self, name)}
        return {"period" if k == "time" and function == "audit_exposure" else k: v
                for k, v in found.items()}  # fmt: skip


def contract_of(log: LogContract | Mapping[str, Any]) -> LogContract:
    """Return a contract from itself or from a mapping of its fields.

    Raises
    ------
    ConfigError
        If a field is unknown.
    """
    if isinstance(log, LogContract):
        return log
    known = [part.name for part in fields(LogContract)]
    for key in log:
        if key not in known:
            raise ConfigError(
                f"a log contract has no key {key!r}.{did_you_mean(str(key), known)} "
                f"Allowed: {', '.join(known)}."
            )
    return LogContract(**log)
