"""Redaction beside Presidio, text by text, under many configurations.

    python -m tests.capabilities.redaction_parity --texts 3000

prints a table of differences for ``make proof``; ``test_redact_configurations.py`` asks less.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Any

import pandas as pd
import pyarrow as pa

import rai_scale
from rai_scale.engines import engine_named
from rai_scale.engines.protocol import Engine
from rai_scale.pii.analysis import analyzer as analyzers
from rai_scale.samples import make_sample_lake
from tests.capabilities.presidio_alone import MODEL, stock_engine, stock_redact
from tests.properties.test_redact_laws import PIECES
from tests.spark_sessions import ConnectServer, classic_session

PATTERN = {"entity": "TICKET", "regex": r"\b[A-Z]{3}-\d{4,6}\b", "score": 0.4}
CONTEXT = ("order", "ticket")
CONFIGURATIONS: dict[str, dict[str, Any]] = {
    "default": {},
    "patterns alone": {"entities": ("EMAIL_ADDRESS", "CREDIT_CARD", "PHONE_NUMBER", "US_SSN")},
    "names alone": {"entities": ("PERSON", "LOCATION")},
    "one entity with context": {"entities": ("US_BANK_NUMBER", "US_DRIVER_LICENSE")},
    "score at least 0.4": {"score_threshold": 0.4},
    "score at least 0.9": {"score_threshold": 0.9},
    "allowed texts": {"allow_list": ("London", "Smith", "212-555-5555")},
    "allowed by expression": {"allow_list": (r"^\d{4}-\d\d-\d\d$",), "allow_list_match": "regex"},
    "listed words": {"deny_lists": {"TITLE": ("Mr.", "Dr", "order")}},
    "own pattern": {"patterns": (PATTERN,)},
    "own pattern with context": {"patterns": ({**PATTERN, "context": CONTEXT},)},
    "all at once": {
        "patterns": ({**PATTERN, "context": CONTEXT},),
        "deny_lists": {"TITLE": ("Mr.", "Dr")},
        "allow_list": ("London",),
        "score_threshold": 0.2,
    },
}
PARTITIONS = (1, 3, 7)


def make_texts(count: int) -> list[str]:
    """Return distinct texts: of the sample lake, of presidio-evaluator if there, and odd ones."""
    with TemporaryDirectory() as folder:
        make_sample_lake(Path(folder) / "lake", rows=max(count // 4, 60))
        from tests.capabilities.test_redact_parity import lake_texts

        texts = lake_texts(Path(folder) / "lake")
    home = Path(os.environ.get("RAI_SCALE_REFERENCE_DATA", ""))
    for file in (home / "pii" / "synth_templates_a.json", home / "pii" / "generated_small.json"):
        if file.is_file():
            texts += [one["full_text"] for one in json.loads(file.read_text(encoding="utf-8"))]
    random = Random(0)
    odd = [" ".join(random.choices(PIECES, k=random.randint(2, 14))) for _ in range(count // 3)]
    lines = ["\n".join(random.sample(texts, 2)) for _ in range(count // 6)]
    random.shuffle(texts)
    return list(dict.fromkeys([*odd, *lines, *texts]))[:count]


def expected(texts: list[str], options: dict[str, Any]) -> list[str]:
    """Return the texts as Presidio itself redacts them."""
    from presidio_analyzer import Pattern, PatternRecognizer

    added = [
        PatternRecognizer(entity, name=f"deny {entity}", deny_list=list(words))
        for entity, words in options.get("deny_lists", {}).items()
    ]
    for own in options.get("patterns", ()):
        pattern = Pattern("own", own["regex"], own["score"])
        context = list(own.get("context", ())) or None
        added.append(PatternRecognizer(own["entity"], patterns=[pattern], context=context))
    asked = {
        **({"entities": list(options["entities"])} if "entities" in options else {}),
        **{k: v for k, v in options.items() if k in ("score_threshold", "allow_list_match")},
        **({"allow_list": list(options["allow_list"])} if "allow_list" in options else {}),
    }
    registry = stock_engine().registry
    before = list(registry.recognizers)
    registry.recognizers.extend(added)
    try:
        return [stock_redact(text, **asked, fresh=True) for text in texts]
    finally:
        registry.recognizers[:] = before


def differences(texts: list[str], options: dict[str, Any], right: list[str]) -> int:
    """Return in how many texts one of the partitionings gives another answer."""
    wrong = set()
    for parts in PARTITIONS:
        size = -(-len(texts) // parts)
        for start in range(0, len(texts), size):
            frame = pd.DataFrame({"text": texts[start : start + size]})
            found = rai_scale.redact(frame, "text", model=MODEL, **options)["text"]
            wrong |= {start + n for n, text in enumerate(found) if text != right[start + n]}
    return len(wrong)


@contextmanager
def clusters() -> Iterator[dict[str, Engine]]:
    """Yield the engines with partitioned frames by name; Spark Connect has a server of its own."""
    with TemporaryDirectory() as folder:
        classic, server = classic_session(), ConnectServer(Path(folder))
        remote = server.session()
        try:
            sessions = {"Spark": classic, "Connect": remote}
            spark = {name: engine_named("spark", session=s) for name, s in sessions.items()}
            yield {"Dask": engine_named("dask"), **spark}
        finally:
            remote.stop()
            server.stop()
            classic.stop()


def differences_on(
    engine: Engine, texts: list[str], options: dict[str, Any], right: list[str]
) -> int:
    """Return how many texts an engine redacts in another way, in three partitions."""
    table = pa.table({"id": range(len(texts)), "text": texts})
    done = rai_scale.redact(engine.from_arrow(table, 3), "text", model=MODEL, **options)
    found = engine.collect(done).sort_by("id")["text"].to_pylist()
    return sum(a != b for a, b in zip(found, right, strict=False)) + abs(len(found) - len(texts))


@contextmanager
def without_hyperscan() -> Iterator[None]:
    """Take the package away for analyzers that are built meanwhile."""
    kept, analyzers._ANALYZERS = analyzers._ANALYZERS, {}
    module = sys.modules.get("hyperscan")
    sys.modules["hyperscan"] = None  # type: ignore[assignment]
    try:
        yield
    finally:
        analyzers._ANALYZERS = kept
        del sys.modules["hyperscan"]
        if module is not None:
            sys.modules["hyperscan"] = module


def main() -> int:
    """Print the table; return 1 if there is a difference."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--texts", type=int, default=3_000)
    parser.add_argument("--on-engines", type=int, default=300)
    parser.add_argument("--only", nargs="*", choices=CONFIGURATIONS, default=CONFIGURATIONS)
    asked = parser.parse_args()
    texts = make_texts(asked.texts)
    os.environ["RAI_SCALE_LOCAL_WORKERS"] = "1"
    some = len(texts[: asked.on_engines])
    print(
        f"{len(texts)} texts in 1, 3 and 7 partitions on the local engine, and {some} of them in 3 "
        "partitions on the others; differences from Presidio:\n"
    )
    with clusters() if some else nullcontext({}) as engines:
        wrong = [compare(name, texts, some, engines) for name in asked.only]
    return int(any(wrong))


def compare(name: str, texts: list[str], some: int, engines: dict[str, Engine]) -> int:
    """Print a row of the table, after its head; return the number of differences."""
    options = CONFIGURATIONS[name]
    right = expected(texts, options)
    found = {"with hyperscan": differences(texts, options, right)}
    with without_hyperscan():
        found["without"] = differences(texts, options, right)
    for label, engine in engines.items():
        found[label] = differences_on(engine, texts[:some], options, right)
    changed = sum(a != b for a, b in zip(texts, right, strict=True))
    if name == next(iter(CONFIGURATIONS)):
        heads = ["configuration", *found, "texts redacted"]
        print(f"| {' | '.join(heads)} |\n| --- |{' ---: |' * (len(heads) - 1)}")
    print(f"| {name} | {' | '.join(map(str, found.values()))} | {changed} |", flush=True)
    return sum(found.values())


if __name__ == "__main__":
    sys.exit(main())
