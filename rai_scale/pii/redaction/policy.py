"""A policy: what happens to each column and leaf of a table, as it is configured."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Annotated, Any, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, model_validator

from rai_scale.errors import ConfigError, did_you_mean
from rai_scale.names import names_of
from rai_scale.pii.analysis.config import checked
from rai_scale.pii.redaction.coarser_values import DATES, ENTITIES, Coarser, Generalise
from rai_scale.pii.values.text_leaves import Treat

Action = Literal["keep", "drop", "null", "redact", "whole", "pseudonym", "tokenize", "generalise"]
_TREATS = {
    "keep": Treat.KEEP,
    "drop": Treat.DROP,
    "null": Treat.EMPTY,
    "redact": Treat.ANALYSE,
}
_OPTIONS = {
    "redact": ("operators", "json_text", "language", "language_column"),
    "whole": ("entity", "operators"),
    "pseudonym": ("entity",),
    "tokenize": ("entity",),
    "generalise": ("entity", "to"),
    **dict.fromkeys(DATES, ("format",)),
    "age_band": ("width", "top"),
    "prefix": ("characters",),
    "step": ("step",),
}
"""The options of each action, and of each ``to`` of ``generalise``."""
_OWN_OPERATOR = ("pseudonym", "tokenize")
_UNNAMED = "VALUE"
Positive = Annotated[int, Field(ge=1)]


class ColumnPolicy(BaseModel):
    """What happens to the values of one column or leaf.

    Attributes
    ----------
    action : str
        ``keep`` leaves the values as they are; ``drop`` removes the column, field or key; ``null``
        empties it and keeps its type; ``redact`` analyses the texts and replaces what is found;
        ``whole`` replaces each value by the operator of ``entity``; ``pseudonym`` and
        ``tokenize`` replace each value by the operator of that name, whose parameters are given
        next to ``action``; ``generalise`` makes the values coarser.
    entity : str, optional
        What the values are, such as ``EMAIL_ADDRESS``. Required by ``whole``, ``pseudonym`` and
        ``tokenize``; findings name it.
    operators : mapping of str to mapping or OperatorConfig
        Presidio's operators for this column; each replaces the general one of the same entity.
    json_text : bool
        With ``redact``: the column holds JSON, and each text in it is analysed by itself.
    language : str, optional
        With ``redact``: the language of the texts.
    language_column : str, optional
        With ``redact``: the column with the language of each row.
    to : {"year", "quarter", "month", "decade", "age_band", "prefix", "step"}
        What ``generalise`` makes of a value; the result is text.
    format : str, optional
        Format of the dates, as in ``strptime``; ISO 8601 by default.
    width, top : int
        Width of an age band in years, and the age from which there is one open band.
    characters : int
        Number of characters of a postcode that stay.
    step : Decimal
        A number is rounded down to a multiple of it.
    **extra_data
        With ``pseudonym`` and ``tokenize``: the parameters of the operator.
    """

    model_config = ConfigDict(frozen=True, extra="allow")

    action: Action
    entity: str | None = Field(None, min_length=1)
    operators: dict[str, Any] = Field(default_factory=dict)
    json_text: bool = False
    language: str | None = Field(None, min_length=1)
    language_column: str | None = Field(None, min_length=1)
    to: Coarser | None = None
    format: str | None = Field(None, min_length=1)
    width: Positive = 10
    top: Positive = 90
    characters: Positive = 3
    step: Decimal | None = Field(None, gt=0)

    def __repr__(self) -> str:
        """Show the action only: parameters of operators may be secrets."""
        return f"ColumnPolicy(action={self.action!r})"

    __str__ = __repr__

    @model_validator(mode="after")
    def _fits_action(self) -> ColumnPolicy:
        allowed = {"action", *_OPTIONS.get(self.action, ()), *_OPTIONS.get(self.to or "", ())}
        known = set(type(self).model_fields)
        own = () if self.action not in _OWN_OPERATOR else set(self.model_extra or ())
        for name in sorted(self.model_fields_set - allowed - set(own)):
            hint = "" if name in known else did_you_mean(name, allowed)
            raise ValueError(f"{name!r} is not an option of {self.action!r}.{hint}")
        required = {"generalise": "to", "step": "step"}
        if self.action in ("whole", *_OWN_OPERATOR):
            required[self.action] = "entity"
        for what in (self.action, self.to or ""):
            name = required.get(what, "action")
            if getattr(self, name) is None:
                raise ValueError(f"{what!r} needs the option {name!r}")
        if self.generalise and not self.generalise.reads_format():
            raise ValueError(
                f"format {self.format!r} does not give the {self.to} of a date; it is one of "
                "Python's strptime, such as '%d/%m/%Y'"
            )
        return self

    @property
    def treat(self) -> Treat:
        """How the values are treated."""
        return _TREATS.get(self.action, Treat.REPLACE)

    @property
    def generalise(self) -> Generalise | None:
        """How the values become coarser."""
        if self.to is None:
            return None
        step = self.step or Decimal(1)
        return Generalise(self.to, self.format, self.width, self.top, self.characters, step)

    @property
    def specs(self) -> dict[str, Any]:
        """The operators of this column, by entity."""
        if self.action in _OWN_OPERATOR:
            return {str(self.entity): {**(self.model_extra or {}), "type": self.action}}
        return self.operators

    def with_operators(self, specs: Mapping[str, Any]) -> ColumnPolicy:
        """Return the same with other operators in place of :attr:`specs`."""
        if self.action not in _OWN_OPERATOR:
            return self.model_copy(update={"operators": dict(specs)})
        own = {name: value for name, value in specs[str(self.entity)].items() if name != "type"}
        return ColumnPolicy(action=self.action, entity=self.entity, **own)

    @property
    def named(self) -> str:
        """The entity in findings."""
        return self.entity or ENTITIES.get(self.to or "", _UNNAMED)


def policy_specs(
    policy: Mapping[str, Any] | None = None,
    columns: Iterable[str] | str = (),
    json_columns: Iterable[str] | str = (),
    whole_columns: Mapping[str, str] | None = None,
) -> dict[str, ColumnPolicy]:
    """Return a policy as :class:`ColumnPolicy` per path, including its short forms.

    Parameters
    ----------
    policy : mapping of str to ColumnPolicy or mapping
    columns : sequence of str
        ``redact``.
    json_columns : sequence of str
        ``redact`` with ``json_text``.
    whole_columns : mapping of str to str
        ``whole`` with that entity.

    Raises
    ------
    ConfigError
        If a path is named twice, or has an invalid action or option.
    """
    for name, given in (("policy", policy), ("whole_columns", whole_columns)):
        if given is not None and not isinstance(given, Mapping):
            kind = type(given).__name__
            raise ConfigError(
                f"{name} must be a mapping, with columns or leaves as keys; found {kind}."
            )
    wholes = (whole_columns or {}).items()
    named: list[tuple[str, Any]] = [
        *((name, ColumnPolicy(action="redact")) for name in names_of(columns)),
        *((name, ColumnPolicy(action="redact", json_text=True)) for name in names_of(json_columns)),
        *((path, {"action": "whole", "entity": entity}) for path, entity in wholes),
        *(policy or {}).items(),
    ]
    specs: dict[str, ColumnPolicy] = {}
    for path, spec in named:
        if not isinstance(path, str):
            raise ConfigError(
                f"a column or leaf is named by text; found {type(path).__name__} in its place."
            )
        if path in specs:
            raise ConfigError(f"a column can be redacted in one way only; named twice: {path!r}.")
        specs[path] = _spec(path, spec)
    return specs


def _spec(path: str, spec: Any) -> ColumnPolicy:
    if isinstance(spec, ColumnPolicy):
        return spec
    if not isinstance(spec, Mapping) or "action" not in spec:
        raise ConfigError(
            f"policy.{path} must be a mapping with an 'action', which is one of: "
            f"{', '.join(get_args(Action))}."
        )
    return checked(ColumnPolicy, spec, f"policy.{path}: ")
