"""The operators ``tokenize`` and ``pseudonym``, in Presidio's form."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache
from typing import Any

from rai_scale.errors import ConfigError, did_you_mean
from rai_scale.pii.pseudonyms.keyed_hash import Pseudonymizer
from rai_scale.pii.pseudonyms.person import person_in
from rai_scale.pii.pseudonyms.tokens import Tokenizer

TOKENIZE, PSEUDONYM = "tokenize", "pseudonym"
_COMMON = ("key", "key_id", "domain", "per")
PARAMETERS = {TOKENIZE: _COMMON, PSEUDONYM: (*_COMMON, "shape", "normalize")}
"""The parameters of the keyed operators, by their names."""

Replace = Callable[[str, str], str]
"""From a text and its entity to its replacement."""


def per_of(spec: Mapping[str, Any]) -> str | None:
    """Return the column that an operator reads the person from."""
    per = spec.get("per") if spec["type"] in PARAMETERS else None
    if per is not None and not isinstance(per, str):
        raise ConfigError(f"per must be the name of one column; found {type(per).__name__}.")
    return per


def check_parameters(given: Iterable[str], known: Sequence[str]) -> None:
    """Raise :class:`ConfigError` for a parameter that an operator does not have."""
    for key in given:
        if key not in known:
            raise ConfigError(
                f"{key!r} is not a parameter.{did_you_mean(key, known)} "
                f"Parameters are: {', '.join(known) or 'none'}."
            )


def replacement(spec: Mapping[str, Any], people: Mapping[str, str | None]) -> Replace:
    """Return the function of a keyed operator.

    Parameters
    ----------
    spec : mapping
        ``type`` and parameters of the operator.
    people : mapping of str to str or None
        The persons of the current row by ``per`` column; read at each call.

    Raises
    ------
    ConfigError
        If a parameter is unknown, missing or not valid.
    """
    made, per = maker(spec), per_of(spec)
    make = made.seal if isinstance(made, Tokenizer) else made.of
    if per is None:
        return make
    return lambda text, entity: make(text, entity, person_in(people.get(per)))


def maker(spec: Mapping[str, Any]) -> Tokenizer | Pseudonymizer:
    """Return what makes the pseudonyms of a keyed operator; raises as :func:`replacement`."""
    name = spec["type"]
    options = {key: value for key, value in spec.items() if key not in ("type", "per")}
    check_parameters(options, PARAMETERS[name])
    for key in ("key", "key_id"):
        if key not in options:
            raise ConfigError(f"{key} is missing.")
    return Tokenizer(**options) if name == TOKENIZE else Pseudonymizer(**options)


@cache
def presidio_operators() -> tuple[type[Any], ...]:
    """Return the keyed operators as classes for Presidio's ``add_anonymizer``.

    Their ``OperatorConfig`` has one parameter, ``replace``: the function of the operator.
    """
    from presidio_anonymizer.operators import Operator, OperatorType

    class KeyedOperator(Operator):
        """Calls its function with the text and its entity."""

        name = ""

        def operate(self, text: str, params: dict[str, Any] | None = None) -> str:
            """Return the replacement of a text."""
            params = params or {}
            return str(params["replace"](text, params["entity_type"]))

        def validate(self, params: dict[str, Any] | None = None) -> None:
            """Do nothing: the function was checked when it was made."""

        def operator_name(self) -> str:
            """Return the name of the operator."""
            return self.name

        def operator_type(self) -> OperatorType:
            """Return that the operator anonymizes."""
            return OperatorType.Anonymize

    return tuple(type(name.title(), (KeyedOperator,), {"name": name}) for name in PARAMETERS)
