"""Presidio's operators per entity, made from plain values; their secrets are never shown."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

from rai_scale.errors import ConfigError, RaiScaleError, did_you_mean
from rai_scale.pii.analysis.config import AnalyzerConfig
from rai_scale.pii.analysis.import_path import is_import_path, load_class
from rai_scale.pii.pseudonyms.keyed_operators import (
    PARAMETERS,
    TOKENIZE,
    check_parameters,
    maker,
    per_of,
    presidio_operators,
    replacement,
)
from rai_scale.pii.pseudonyms.person import People
from rai_scale.pii.pseudonyms.tokens import ENTITY, Tokenizer, check_no_reference
from rai_scale.pii.redaction.items import Item, items_of
from rai_scale.upstream.presidio import noting_engine

if TYPE_CHECKING:
    from presidio_analyzer import RecognizerResult
    from presidio_anonymizer.entities import OperatorConfig

DEFAULT = "DEFAULT"
KEEP = "keep"
_PRESIDIO = {
    "replace": ("new_value",),
    "redact": (),
    "mask": ("masking_char", "chars_to_mask", "from_end"),
    "hash": ("hash_type", "salt"),
    "encrypt": ("key",),
    "keep": (),
}
"""The parameters of Presidio's operators, which ignore all others."""
_NOT_SEARCHED = "; add it to entities, or remove its operator."


class Operators:
    """One operator per entity; ``DEFAULT`` applies to all other entities.

    Parameters
    ----------
    specs : mapping of str to mapping or OperatorConfig, optional
        In Presidio's own form: ``{"PHONE_NUMBER": {"type": "mask", "chars_to_mask": 12, ...}}``.
        A ``type`` may be the import path of a subclass of Presidio's ``Operator``:
        ``mypackage.operators:MyOperator``.
        Without ``DEFAULT``, an item is replaced by the name of its entity, such as ``<PERSON>``.
        In addition to Presidio's operators there are ``tokenize``, which :func:`restore` undoes,
        and ``pseudonym``; both need ``key`` (the secret, str or bytes) and ``key_id``.
    elsewhere : collection of str
        Entities of other tables to which these operators also apply.

    Raises
    ------
    ConfigError
        If ``specs`` is not a mapping, or an operator is neither a mapping with a ``type`` nor an
        ``OperatorConfig``.
    """

    def __init__(
        self, specs: Mapping[str, Any] | None = None, elsewhere: Collection[str] = ()
    ) -> None:
        if specs is not None and not isinstance(specs, Mapping):
            raise ConfigError(
                "operators must be a mapping of entities to operators, {'DEFAULT': {'type': ...}}; "
                f"found {type(specs).__name__}."
            )
        self._elsewhere = frozenset(elsewhere)
        self._specs = {entity: _plain(entity, spec) for entity, spec in (specs or {}).items()}
        self._specs.setdefault(DEFAULT, {"type": "replace"})

    def __repr__(self) -> str:
        """Show the names of the operators only: keys and salts must not reach logs or plans."""
        return f"Operators({ {entity: spec['type'] for entity, spec in self._specs.items()} })"

    def overridden(self, specs: Mapping[str, Any]) -> Operators:
        """Return these operators, with others for the entities of ``specs``."""
        return Operators({**self._specs, **specs}, self._elsewhere) if specs else self

    def name(self, entity: str) -> str:
        """Return the name of the operator that applies to an entity."""
        return str(self._specs.get(entity, self._specs[DEFAULT])["type"])

    @property
    def per(self) -> tuple[str, ...]:
        """The columns that identify the person (or conversation) of a row."""
        named = (per_of(spec) for spec in self._specs.values())
        return tuple(dict.fromkeys(name for name in named if name is not None))

    def sealer(self, entity: str) -> Tokenizer | None:
        """Return what makes tokens for an entity, if it is the same for all rows."""
        spec = self._specs.get(entity, self._specs[DEFAULT])
        made = maker(spec) if spec["type"] == TOKENIZE and per_of(spec) is None else None
        return made if isinstance(made, Tokenizer) else None

    def sealed_per(self, entity: str | None = None) -> set[str | None]:
        """Return the ``per`` columns of the tokens of an entity, or of all entities."""
        named = self._specs if entity is None else [entity if entity in self._specs else DEFAULT]
        specs = [self._specs[name] for name in named]
        return {per_of(spec) for spec in specs if spec["type"] == TOKENIZE}

    def keeps(self, entity: str) -> bool:
        """Return whether findings of an entity stay, or can be restored."""
        return self.name(entity) in (KEEP, TOKENIZE)

    def draws(self) -> bool:
        """Return whether equal texts may get different results (random salts or vectors)."""
        return any(
            spec["type"] in ("encrypt", "custom")
            or is_import_path(spec["type"])
            or (spec["type"] == "hash" and not spec.get("salt"))
            for spec in self._specs.values()
        )

    def configs(self, people: Mapping[str, str | None] | None = None) -> dict[str, OperatorConfig]:
        """Return Presidio's ``OperatorConfig`` per entity.

        ``people`` holds the persons of the current row by ``per`` column.
        """
        from presidio_anonymizer.entities import OperatorConfig

        return {
            entity: OperatorConfig(
                spec["type"],
                {"replace": replacement(spec, {} if people is None else people)}
                if spec["type"] in PARAMETERS
                else {k: v for k, v in spec.items() if k != "type"},
            )
            for entity, spec in self._specs.items()
        }

    def classes(self) -> list[type[Any]]:
        """Return the operators that import paths name; the path is the name of each."""
        from presidio_anonymizer.operators import Operator

        paths = {str(s["type"]) for s in self._specs.values() if is_import_path(s["type"])}
        return [
            type(
                path, (load_class(path, Operator, "type"),), {"operator_name": lambda _, p=path: p}
            )
            for path in paths
        ]

    def check(self) -> None:
        """Apply each operator to an example text.

        Raises
        ------
        ConfigError
            If an operator or its parameters are not valid.
        """
        people = dict.fromkeys(self.per, "example")
        for entity, spec in self._specs.items():
            try:
                if spec["type"] in PARAMETERS:
                    replacement(spec, people)
                    continue
                _check_presidio(spec)
                anonymizer = Anonymizer(Operators({entity: spec}))
                anonymizer.apply("Example", [anonymizer.whole("Example", entity)])
            except ImportError:
                raise
            except RaiScaleError as error:
                raise ConfigError(f"operator {spec['type']!r} for {entity!r}: {error}") from None
            except Exception as error:  # Presidio's message could quote a key
                raise ConfigError(
                    f"operator {spec['type']!r} for {entity!r} is refused by Presidio "
                    f"({type(error).__name__}); check its parameters."
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
        for entity in used:
            if self.name(entity) == TOKENIZE and not ENTITY.fullmatch(entity):
                raise ConfigError(
                    f"operators: {entity!r} cannot be tokenized: the name of an entity in a token "
                    "has only letters, digits and '_'. Choose another operator for it."
                )
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
                    f"{column!r}: {entity!r} is not an entity that Presidio knows. Did you mean "
                    f"{near[0]!r}? If not, add an operator for it."
                )


class Anonymizer:
    """Presidio's anonymizer and its operators; built once per batch."""

    def __init__(self, operators: Operators, config: AnalyzerConfig | None = None) -> None:
        from presidio_anonymizer.entities import ConflictResolutionStrategy

        self.operators = operators
        config = config or AnalyzerConfig()
        self._spans = {
            "conflict_resolution": ConflictResolutionStrategy(config.conflict_resolution),
            "merge_entities_with_spaces": config.merge_entities_with_spaces,
        }
        self._engine = noting_engine()()
        for operator in [*presidio_operators(), *operators.classes()]:
            self._engine.add_anonymizer(operator)
        self._engine.keeps = operators.keeps
        self._people: dict[str, str | None] = {}
        self._per = operators.per
        self._configs = operators.configs(self._people)

    def apply(
        self, text: str, results: list[RecognizerResult], people: People = ()
    ) -> tuple[str, list[Item]]:
        """Return the result of ``AnonymizerEngine.anonymize``, and the items in text order.

        ``people`` are the values of the row in the columns ``Operators.per``.
        """
        self._people.update(zip(self._per, people, strict=False))
        new = self._engine.anonymize(text, results, self._configs, **self._spans).text
        spans = sorted(self._engine.resolved, key=lambda span: (span.start, span.end))
        return new, items_of(spans, results)

    def replace(self, text: str, entity: str, people: People = ()) -> tuple[str, list[Item]]:
        """Return what ``apply`` returns for a text that is one item as a whole.

        An operator with a key is called directly, because Presidio's engine takes longer than it.
        """
        operator = self._configs.get(entity) or self._configs[DEFAULT]
        if operator.operator_name not in PARAMETERS:
            return self.apply(text, [self.whole(text, entity)], people)
        self._people.update(zip(self._per, people, strict=False))
        return operator.params["replace"](text, entity), [Item(entity, 0, len(text), 1.0, "column")]

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
        f"the operator for {entity!r} must be a mapping with a 'type' (Presidio's own form) or an "
        f"OperatorConfig; found {type(spec).__name__}."
    )


def _check_presidio(spec: Mapping[str, Any]) -> None:
    """Refuse what Presidio ignores or does not explain: unknown names, a mask of no characters."""
    from presidio_anonymizer.operators import OperatorsFactory

    for name in ("key", "salt"):
        check_no_reference(name, spec.get(name))
    known = {*OperatorsFactory().get_anonymizers(), *PARAMETERS}
    if spec["type"] not in known and not is_import_path(spec["type"]):
        raise ConfigError(
            f"there is no such operator.{did_you_mean(str(spec['type']), known)} Operators are: "
            f"{', '.join(sorted(known))}."
        )
    if spec["type"] in _PRESIDIO:
        check_parameters([key for key in spec if key != "type"], _PRESIDIO[spec["type"]])
    masked = spec.get("chars_to_mask")
    if spec["type"] == "mask" and isinstance(masked, int) and masked < 1:
        raise ConfigError("chars_to_mask must be at least 1; otherwise the value stays.")
