"""The types that a scan searches: those of Presidio, and the classes of this package."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from rai_scale.engines.protocol import Engine
from rai_scale.pii.analysis.analyzer import get_analyzer
from rai_scale.pii.analysis.config import AnalyzerConfig
from rai_scale.pii.data_classes.kinds import OWN
from rai_scale.pii.scanning.column_name_rules import RULES


class Searched(NamedTuple):
    """What a configuration searches for.

    Attributes
    ----------
    config : AnalyzerConfig
        The configuration without the types of :data:`OWN`, which Presidio does not know.
    by_presidio : bool
        Whether Presidio searches at all.
    own : frozenset of str
        The types of :data:`OWN` that are searched.
    """

    config: AnalyzerConfig
    by_presidio: bool
    own: frozenset[str]


def searched_by(config: AnalyzerConfig) -> Searched:
    """Return who searches for what: ``entities`` may name types of Presidio and of this package."""
    if config.entities is None:
        return Searched(config, True, frozenset(OWN))
    others = tuple(entity for entity in config.entities if entity not in OWN)
    own = frozenset(config.entities) & frozenset(OWN)
    return Searched(config.model_copy(update={"entities": others or None}), bool(others), own)


def types_of(config: AnalyzerConfig) -> frozenset[str]:
    """Return the types whose values are searched; loads the model."""
    config, by_presidio, own = searched_by(config)
    return own | (get_analyzer(config).found if by_presidio else frozenset())


def types_on(engine: Engine, config: AnalyzerConfig) -> frozenset[str]:
    """Return the types whose values are searched, as the workers of an engine know them.

    The driver of Spark may have no model. Elsewhere, a missing model or an unknown type is
    reported here, before any table is read.
    """
    return _on_worker(types_of, engine, config)


def known_on(engine: Engine, config: AnalyzerConfig) -> frozenset[str]:
    """Return all types that a scan can report, whether or not this one searches for them."""
    return _on_worker(_known, engine, config)


def _known(config: AnalyzerConfig) -> frozenset[str]:
    named = (entity for entity, _ in RULES)
    return frozenset((*OWN, *named, *get_analyzer(searched_by(config).config).entities))


def _on_worker(
    find: Callable[[AnalyzerConfig], frozenset[str]], engine: Engine, config: AnalyzerConfig
) -> frozenset[str]:
    if engine.name != "spark":
        return find(config)
    found: Sequence[frozenset[str]] = engine.map_tasks(find, [config])
    return found[0]
