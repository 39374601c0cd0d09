"""Presidio's operators per entity, made from plain values; their secrets are never shown."""

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
_NOT_SEARCHED = "; add it to entities, or remove its operator."


class Operators:
    """One operator per entity; ``DEFAULT`` applies to all other entities.

    Parameters
    ----------
    specs : mapping of str to mapping or OperatorConfig, optional
        In Presidio's own form: ``{"PHONE_NUMBER": {"type": "mask", "chars_to_mask": 12, ...}}``.
        Without ``DEFAULT``, an item is replaced by the name of its entity, such as ``<PERSON>``.
    elsewhere : collection of str
        Entities of other tables to which these operators also apply.

    Raises
    ------
    ConfigError
        If an operator is neither a mapping with a ``type`` nor an ``OperatorConfig``.
    """

    def __init__(
        self, specs: Mapping[str, Any] | None = None, elsewhere: Collection[str] = ()
    ) -> None:
        self._elsewhere = frozenset(elsewhere)
        self._specs = {entity: _plain(entity, spec) for entity, spec in (specs or {}).items()}
        self._specs.setdefault(DEFAULT, {"type": "replace"})

    def __repr__(self) -> str:
        """Show the names of the operators only: keys and salts must not reach logs or plans."""
        return f"Operators({ {entity: spec['type'] for entity, spec in self._specs.items()} })"

    def name(self, entity: str) -> str:
        """Return the name of the operator that applies to an entity."""
        return str(self._specs.get(entity, self._specs[DEFAULT])["type"])

    def keeps(self, entity: str) -> bool:
        """Return whether findings of an entity stay as they are."""
        return self.name(entity) == KEEP

    def draws(self) -> bool:
        """Return whether equal texts may get different results (random salts or vectors)."""
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
        """Apply each operator to an example text.

        Raises
        ------
        ConfigError
            If Presidio refuses an operator or its parameters.
        """
        anonymizer = Anonymizer(self)
        for entity in self._specs:
            try:
                anonymizer.apply("Example", [anonymizer.whole("Example", entity)])
            except Exception as error:  # Presidio's message could quote a key
                raise ConfigError(
                    f"operator {self._specs[entity]['type']!r} for {entity!r} is refused by "
                    f"Presidio ({type(error).__name__}); check its type and parameters."
                ) from None

    def check_entities(
        self, found: Collection[str], wholes: Iterable[tuple[str, str]], known: Collection[str]
    ) -> None:
        """Check that each operator applies to some entity, and that no entity is misspelled.

        Parameters
        ----------
        found : collection of str
            The entities that are searched for.
        wholes : iterable of (str, str)
            Columns whose values are replaced as a whole, and their entities; these may be new
            names.
        known : collection of str
            All entities that Presidio supports.

        Raises
        ------
        ConfigError
            If an operator applies to nothing, or an entity is close to, but not, a known one.
        """
        wholes = list(wholes)
        used = {DEFAULT, *found, *self._elsewhere, *(entity for _, entity in wholes)}
        for entity in self._specs:
            if entity not in used:
                off = entity in known
                raise ConfigError(
                    f"operators: {entity!r} is not searched for{_NOT_SEARCHED if off else '.'}"
                    f"{'' if off else did_you_mean(entity, {*used, *known})}"
                )
        for column, entity in wholes:
            near = get_close_matches(entity, [*found, *known], n=1, cutoff=0.85)
            if near and entity not in {*found, *known, *self._specs}:
                raise ConfigError(
                    f"whole_columns.{column}: {entity!r} is not an entity that Presidio knows. Did "
                    f"you mean {near[0]!r}? If not, add an operator for it."
                )


class Item(NamedTuple):
    """A replaced span of the original text, after overlaps were resolved."""

    entity: str
    start: int
    end: int
    score: float
    recognizer: str | None


class Anonymizer:
    """Presidio's anonymizer and its operators; built once per batch."""

    def __init__(self, operators: Operators) -> None:
        self.operators = operators
        self._engine = noting_engine()()
        self._engine.keeps = operators.keeps
        self._configs = operators.configs()

    def apply(self, text: str, results: list[RecognizerResult]) -> tuple[str, list[Item]]:
        """Return the result of ``AnonymizerEngine.anonymize``, and the items in text order."""
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
    """Return each span with the recognizer of the highest-scored result that it is made of."""
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
        f"the operator for {entity!r} must be a mapping with a 'type' (Presidio's own form) or an "
        f"OperatorConfig; found {type(spec).__name__}."
    )
