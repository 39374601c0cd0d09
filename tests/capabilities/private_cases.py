"""Tables and metadata that the tests of private SQL share."""

from __future__ import annotations

import copy
from typing import Any

import pyarrow as pa

from rai_scale.engines import engine_of
from rai_scale.privacy import HashKey, Privacy
from rai_scale.private_queries import exact_aggregates, load_metadata
from rai_scale.private_queries.query.parse import parse
from rai_scale.private_queries.release.plan import declared_types, make_plan

KEY = HashKey(b"a key of the tests")
PEOPLE: dict[str, Any] = {
    "": {
        "S": {
            "people": {
                "max_ids": 2,
                "id": {"type": "int", "private_id": True},
                "age": {"type": "int", "lower": 0, "upper": 100},
                "income": {"type": "float", "lower": -1000, "upper": 5000},
                "city": {"type": "string"},
                "flag": {"type": "boolean"},
                "born": {"type": "datetime"},
                "seen": {"type": "datetime"},
            }
        }
    }
}


def with_privacy(**options: Any) -> dict[str, Any]:
    """Return options of a call, with those of ``Privacy`` gathered in one."""
    own = [name for name in options if name in Privacy.__dataclass_fields__]
    privacy = Privacy(**{name: options.pop(name) for name in own})
    return {**options, "privacy": privacy}


def people(**changes: Any) -> dict[str, Any]:
    """Return the metadata of the people, with some of the table's entries changed."""
    metadata = copy.deepcopy(PEOPLE)
    metadata[""]["S"]["people"].update(changes)
    return metadata


def pums(**changes: Any) -> dict[str, Any]:
    """Return metadata of the PUMS tables."""
    table = {
        "max_ids": 2,
        "age": {"type": "int", "lower": 0, "upper": 100},
        "sex": {"type": "int"},
        "educ": {"type": "int", "lower": 1, "upper": 16},
        "race": {"type": "int"},
        "income": {"type": "float", "lower": 0, "upper": 500_000},
        "married": {"type": "int", "lower": 0, "upper": 1},
        "pid": {"type": "int", "private_id": True},
    }
    return {"": {"PUMS": {"PUMS": {**table, **changes}}}}


def exact(
    query: str, frame: Any, metadata: dict[str, Any], key: HashKey = KEY, **options: Any
) -> pa.Table:
    """Return the exact bounded aggregates of a query, sorted by group."""
    engine = engine_of(frame)
    described = load_metadata(metadata)
    zone = options.get("time_zone", "UTC")
    frame = engine.declared(frame, declared_types(parse(query, described, zone).facts))
    schema = engine.schema(frame)
    options = {"epsilon": 1, "delta": 1e-6, **options}
    plan = make_plan(query, described, schema, **with_privacy(**options))
    found = exact_aggregates(plan, frame, key, schema)
    keys = [name for name in found.column_names if name.startswith("k")]
    return found.sort_by([(name, "ascending") for name in keys]) if keys else found
