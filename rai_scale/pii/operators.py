"""Presidio's operators per entity, from plain values; their secrets are never shown."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any, NamedTuple

from rai_scale.errors import ConfigError, did_you_mean
from rai_scale.upstream.presidio import noting_engine

if TYPE_CHECKING:
    from presidio_analyzer import RecognizerResult
    from presidio_anonymizer.entities import OperatorConfig

DEFAULT = "DEFAULT"
KEEP = "keep"
_ASK = "; add it to entities, or leave its operator out."


class Operators:
    """One operator per entity; ``DEFAULT`` stands for all others (``<ENTITY>`` if not given).

    Parameters
    ----------
    specs : mapping of str to mapping or OperatorConfig
        In Presidio's own form: ``{"PHONE_NUMBER": {"type": "mask", "chars_to_mask": 12, ...}}``.
    elsewhere : collection of str
        Entities of other tables, for which these operators are meant too.
    """

    def __init__(
        self, specs: Mapping[str, Any] | None = None, elsewhere: Collection[str] = ()
    ) -> None:
        self._elsewhere = frozenset(elsewhere)
        self._specs = {entity: _plain(entity, spec) for entity, spec in (specs or {}).items()}
        self._specs.setdefault(DEFAULT, {"type": "replace"})

    def __repr__(self) -> str:
        """Name the operators; parameters (keys, salts) stay out of logs and plans."""
        return f"Operators({ {entity: spec['type'] for entity, spec in self._specs.items()} })"

    def name(self, entity: str) -> str:
        """Return the name of the operator for an entity."""
        return str(self._specs.get(entity, self._specs[DEFAULT])["type"])

    def keeps(self, entity: str) -> bool:
        """Return whether an entity is left as it is."""
        return self.name(entity) == KEEP

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

    def check_entities(
        self, found: Collection[str], wholes: Iterable[tuple[str, str]], known: Collection[str]
    ) -> None:
        """Check that each operator has an entity, and no entity is a slip of the pen.

        Parameters
        ----------
        found : collection of str
            The entities that are looked for.
        wholes : iterable of (str, str)
            Columns that are replaced as a whole, and their entities; these may be new names.
        known : collection of str
            All entities that Presidio has.
        """
        wholes = list(wholes)
        used = {DEFAULT, *found, *self._elsewhere, *(entity for _, entity in wholes)}
        for entity in self._specs:
            if entity not in used:
                off = entity in known
                raise ConfigError(
                    f"operators: {entity!r} is not looked for{_ASK if off else '.'}"
                    f"{'' if off else did_you_mean(entity, {*used, *known})}"
                )
        for column, entity in wholes:
            near = get_close_matches(entity, [*found, *known], n=1, cutoff=0.85)
            if near and entity not in {*found, *known, *self._specs}:
                raise ConfigError(
                    f"whole_columns.{column}: {entity!r} is no entity. Did you mean {near[0]!r}? "
                    "If not, give it an operator of its own."
                )


class Item(NamedTuple):
    """What was replaced: a span of the original text, after conflicts were resolved."""

    entity: str
    start: int
    end: int
    score: float
    recognizer: str | None


class Anonymizer:
    """Presidio's anonymizer with its operators; built once per batch."""

    def __init__(self, operators: Operators) -> None:
        self.operators = operators
        self._engine = noting_engine()()
        self._engine.keeps = operators.keeps
        self._configs = operators.configs()

    def apply(self, text: str, results: list[RecognizerResult]) -> tuple[str, list[Item]]:
        """Return the text as ``AnonymizerEngine.anonymize`` makes it, and its items in order."""
        new = self._engine.anonymize(text, results, self._configs).text
        spans = sorted(self._engine.resolved, key=lambda span: (span.start, span.end))
        return new, _items(spans, results)

    def whole(self, text: str, entity: str) -> RecognizerResult:
        """Return a result that covers the whole text."""
        from presidio_analyzer import RecognizerResult

        return RecognizerResult(
            entity, 0, len(text), 1.0, recognition_metadata={"recognizer_name": "column"}
        )


def _items(entities: Iterable[Any], results: list[RecognizerResult]) -> list[Item]:
    """Name the recognizer of each span: of the surest result that it was made of."""
    exact = {(r.entity_type, r.start, r.end): r for r in sorted(results, key=lambda r: r.score)}
    items = []
    for e in entities:
        best = exact.get((e.entity_type, e.start, e.end)) or max(
            (
                r
                for r in results
                if r.entity_type == e.entity_type and e.start <= r.start and r.end <= e.end
            ),
            key=lambda r: r.score,
        )
        recognizer = (best.recognition_metadata or {}).get("recognizer_name")
        items.append(Item(e.entity_type, e.start, e.end, float(e.score), recognizer))
    return items


def _plain(entity: str, spec: Any) -> dict[str, Any]:
    if hasattr(spec, "operator_name"):
        return {**(spec.params or {}), "type": spec.operator_name}
    if isinstance(spec, Mapping) and "type" in spec:
        return dict(spec)
    raise ConfigError(
        f"the operator for {entity!r} must be a mapping with a 'type' (as in Presidio's own form) "
        f"or an OperatorConfig; found {type(spec).__name__}."
    )
