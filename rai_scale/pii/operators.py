"""Presidio's operators per entity, from plain values; their secrets are never shown."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from rai_scale.errors import ConfigError, MissingExtraError

if TYPE_CHECKING:
    from presidio_analyzer import RecognizerResult
    from presidio_anonymizer.entities import OperatorConfig

DEFAULT = "DEFAULT"


class Operators:
    """One operator per entity; ``DEFAULT`` stands for all others (``<ENTITY>`` if not given).

    Parameters
    ----------
    specs : mapping of str to mapping or OperatorConfig
        In Presidio's own form: ``{"PHONE_NUMBER": {"type": "mask", "chars_to_mask": 12, ...}}``.
    """

    def __init__(self, specs: Mapping[str, Any] | None = None) -> None:
        self._specs = {entity: _plain(entity, spec) for entity, spec in (specs or {}).items()}
        self._specs.setdefault(DEFAULT, {"type": "replace"})

    def __repr__(self) -> str:
        """Name the operators; parameters (keys, salts) stay out of logs and plans."""
        return f"Operators({ {entity: spec['type'] for entity, spec in self._specs.items()} })"

    def name(self, entity: str) -> str:
        """Return the name of the operator for an entity."""
        return str(self._specs.get(entity, self._specs[DEFAULT])["type"])

    def draws(self) -> bool:
        """Return whether equal texts may be treated differently (random salts or vectors)."""
        return any(
            spec["type"] in ("encrypt", "custom")
            or (spec["type"] == "hash" and not spec.get("salt"))
            for spec in self._specs.values()
        )

    def configs(self) -> dict[str, OperatorConfig]:
        """Return Presidio's ``OperatorConfig`` per entity."""
        from presidio_anonymizer.entities import OperatorConfig

        return {
            entity: OperatorConfig(spec["type"], {k: v for k, v in spec.items() if k != "type"})
            for entity, spec in self._specs.items()
        }

    def check(self) -> None:
        """Try each operator on a made-up text.

        Raises
        ------
        ConfigError
            If Presidio refuses an operator or its parameters.
        """
        anonymizer = Anonymizer(self)
        for entity in self._specs:
            try:
                anonymizer.apply("Example", [anonymizer.whole("Example", entity)])
            except Exception as error:  # the message of Presidio could quote a key
                raise ConfigError(
                    f"operator {self._specs[entity]['type']!r} for {entity!r} is refused by "
                    f"Presidio ({type(error).__name__}); check its type and parameters."
                ) from None


class Anonymizer:
    """Presidio's anonymizer with its operators; built once per batch."""

    def __init__(self, operators: Operators) -> None:
        try:
            from presidio_anonymizer import AnonymizerEngine
        except ImportError:
            raise MissingExtraError("presidio-anonymizer", "pii") from None
        self.operators = operators
        self._engine = AnonymizerEngine()
        self._configs = operators.configs()

    def apply(self, text: str, results: list[RecognizerResult]) -> str:
        """Return the text as ``AnonymizerEngine.anonymize`` makes it."""
        return self._engine.anonymize(text, results, self._configs).text  # type: ignore[arg-type]

    def whole(self, text: str, entity: str) -> RecognizerResult:
        """Return a result that covers the whole text."""
        from presidio_analyzer import RecognizerResult

        return RecognizerResult(
            entity, 0, len(text), 1.0, recognition_metadata={"recognizer_name": "column"}
        )


def _plain(entity: str, spec: Any) -> dict[str, Any]:
    if hasattr(spec, "operator_name"):
        return {**(spec.params or {}), "type": spec.operator_name}
    if isinstance(spec, Mapping) and "type" in spec:
        return dict(spec)
    raise ConfigError(
        f"the operator for {entity!r} must be a mapping with a 'type' (as in Presidio's own form) "
        f"or an OperatorConfig; found {type(spec).__name__}."
    )
