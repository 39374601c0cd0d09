"""Each option of Presidio, as Presidio alone gives it with the same option."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from threading import Lock

import presidio_analyzer.predefined_recognizers as predefined
import pyarrow as pa
import pytest
import spacy
import yaml
from presidio_analyzer import AnalyzerEngine, PatternRecognizer, RecognizerRegistry
from presidio_analyzer.context_aware_enhancers import LemmaContextAwareEnhancer
from presidio_analyzer.nlp_engine import NlpEngineProvider
from presidio_analyzer.recognizer_registry import RecognizerRegistryProvider
from presidio_anonymizer import AnonymizerEngine
from presidio_anonymizer.entities import ConflictResolutionStrategy, OperatorConfig

import rai_scale
from rai_scale.engines import engine_named
from rai_scale.errors import ConfigError, MissingColumnError
from rai_scale.jobs.redact.config import RedactJob
from tests.capabilities import own_presidio
from tests.capabilities.presidio_alone import MODEL, settled, spans_found, stock_engine

TEXTS = [
    "Call Anna Smith at 212-555-5555 or write to anna.smith@example.com.",
    "She wrote that her NINO is AB 12 34 56 C, her postcode SW1A 1AA; she writes often.",
    "My licence: H12234567. The duplicate H12234567 is void, and account 945456787654.",
    "Anna   Smith and Bob Jones, of Acme, met Anna Smith on 3 May 2021.",
    "DE tax id 12345678995, DNI 12345678Z, zip 02139-1234, passport 912803456",
    "Nothing to see here.",
    "",
    "Write to https://www.example.com/anna.smith@example.com, from 10.0.0.1",
]
OWN = "tests.capabilities.own_presidio"


@cache
def nlp():
    """The NLP engine of the reference."""
    return stock_engine().nlp_engine


def engine(*recognizers, **options):
    """Presidio's engine with its default recognizers and some more."""
    made = AnalyzerEngine(nlp_engine=nlp(), **options)
    for recognizer in recognizers:
        made.registry.add_recognizer(recognizer)
    return made


def check(alone, options, arguments=None, anonymize=None, texts=TEXTS):
    """Compare spans and texts, in one piece and partitioned on Dask."""
    expected = []
    for text in texts:
        results = alone.analyze(text, "en", **(arguments or {})) if text else []
        done = AnonymizerEngine().anonymize(text, results, **(anonymize or {}))
        expected.append(done.text)
    table = pa.table({"id": range(len(texts)), "text": texts})
    options = {"model": MODEL, "details": True, **options}
    whole = rai_scale.redact(table, "text", **options)
    assert whole["text"].to_pylist() == expected
    dask = engine_named("dask")
    parts = dask.collect(rai_scale.redact(dask.from_arrow(table, 3), "text", **options))
    assert parts.sort_by("id")["text"].to_pylist() == expected
    assert len(set(expected) - set(texts)) > 1
    return whole.to_pylist()


def test_recognizers_of_countries():
    registry = RecognizerRegistry()
    registry.load_predefined_recognizers(["en"], nlp(), ["uk"])
    there = {type(recognizer) for recognizer in registry.recognizers}
    for name in predefined.__all__:
        kind = getattr(predefined, name)
        if getattr(kind, "COUNTRY_CODE", None) == "uk" and kind not in there:
            registry.add_recognizer(kind())
    rows = check(AnalyzerEngine(registry, nlp()), {"countries": ["UK"]})
    found = {f["entity"] for row in rows for f in row["_rai_findings"]}
    assert "UK_NINO" in found
    assert not {e for e in found if e.startswith("US_")}
    with pytest.raises(ConfigError, match="no recognizers for 'gb'"):
        check(engine(), {"countries": ["gb"]})


def test_a_registry_of_yaml(tmp_path):
    zip_code = {"name": "Zip", "supported_entity": "ZIP", "context": ["zip"]}
    zip_code["patterns"] = [{"name": "zip", "regex": r"\b\d{5}(-\d{4})?\b", "score": 0.9}]
    settings = {
        "supported_languages": ["en"],
        "global_regex_flags": 26,
        "recognizers": [
            {"name": "EmailRecognizer", "type": "predefined", "score_thresholds": {"default": 0.2}},
            {"name": "SpacyRecognizer", "type": "predefined"},
            {**zip_code, "type": "custom"},
        ],
    }
    path = tmp_path / "registry.yaml"
    path.write_text(yaml.safe_dump(settings))
    registry = RecognizerRegistryProvider(path, nlp_engine=nlp()).create_recognizer_registry()
    rows = check(AnalyzerEngine(registry, nlp()), {"registry": str(path)})
    found = {f["entity"] for row in rows for f in row["_rai_findings"]}
    assert {"ZIP", "EMAIL_ADDRESS", "PERSON"} <= found
    assert "PHONE_NUMBER" not in found
    job = {"source": "x", "output": "y", "columns": ["a"]}
    assert RedactJob(**job, analyzer={"registry": str(path)}).analyzer.registry == settings
    path.write_text("recognizers: [")
    with pytest.raises(ConfigError, match=r"registry.yaml is not valid YAML, line 1"):
        check(engine(), {"registry": str(path)})
    with pytest.raises(ConfigError, match="Presidio refuses the registry"):
        check(engine(), {"registry": {"recognizers": [{"name": "NoSuchRecognizer"}]}})


@pytest.mark.parametrize(
    "given",
    [
        own_presidio.VerbRecognizer(),
        f"{OWN}:VerbRecognizer",
        {"type": f"{OWN}:VerbRecognizer", "lemma": "write"},
        f"{OWN}:FirstWordRecognizer",
        PatternRecognizer("WORD", deny_list=["duplicate", "postcode"]),
    ],
)
def test_recognizers_of_the_user(given):
    alone = given
    if isinstance(given, str | dict):
        path = given if isinstance(given, str) else given["type"]
        alone = getattr(own_presidio, path.partition(":")[2])()
    entity = alone.supported_entities[0]
    rows = check(engine(alone), {"recognizers": [given]})
    assert entity in {f["entity"] for row in rows for f in row["_rai_findings"]}
    only = {"recognizers": [given], "entities": [entity]}
    check(engine(alone), only, {"entities": [entity]})


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (f"{OWN}:VerbRecogniser", "Did you mean 'VerbRecognizer'"),
        (f"{OWN}:Reversed", "not a subclass of presidio_analyzer's EntityRecognizer"),
        ("tests.nothing_here:X", "'tests.nothing_here' cannot be imported"),
        ("VerbRecognizer", "an import path 'package.module:Class'"),
        ({"type": f"{OWN}:VerbRecognizer", "limma": "x"}, "options \\['limma'"),
        (own_presidio.VerbRecognizer(supported_language="fr"), "language 'fr', which has no model"),
        (object(), "is not a Presidio EntityRecognizer"),
    ],
)
def test_recognizers_that_are_refused(given, message):
    with pytest.raises(ConfigError, match=message):
        check(engine(), {"recognizers": [given]})


def test_a_recognizer_that_cannot_be_pickled_is_refused():
    held = own_presidio.VerbRecognizer()
    held.lock = Lock()
    with pytest.raises(ConfigError, match="cannot be sent to the workers: pickling it fails"):
        check(engine(), {"recognizers": [held]})


def test_thresholds_by_entity():
    limits = {"PERSON": 0.9, "US_DRIVER_LICENSE": 0.0, "EMAIL_ADDRESS": 0.5}
    alone = engine(default_score_threshold=0.3)
    for recognizer in alone.registry.recognizers:
        recognizer.score_thresholds = {
            e: v for e, v in limits.items() if e in recognizer.supported_entities
        }
    rows = check(alone, {"score_thresholds": limits, "score_threshold": 0.3})
    found = {f["entity"] for row in rows for f in row["_rai_findings"]}
    assert "PERSON" not in found
    assert "US_DRIVER_LICENSE" in found
    with pytest.raises(ConfigError, match="no recognizer finds 'PRESON'. Did you mean 'PERSON'"):
        check(engine(), {"score_thresholds": {"PRESON": 0.5}})


def test_context_words_for_all_texts():
    texts = [*TEXTS, "It is H12234567."]
    rows = check(engine(), {"context": ["licence"]}, {"context": ["licence"]}, texts=texts)
    found = engine().analyze(texts[-1], "en", context=["licence"])
    assert spans_found(rows[-1]) == settled(texts[-1], found)
    assert spans_found(rows[-1]) != settled(texts[-1], engine().analyze(texts[-1], "en"))


@pytest.mark.parametrize(
    "enhancer",
    [
        {"context_matching_mode": "whole_word"},
        {"context_suffix_count": 4, "context_prefix_count": 1},
        {"context_similarity_factor": 0.1, "min_score_with_context_similarity": 0.0},
    ],
)
def test_how_context_words_are_matched(enhancer):
    alone = engine(context_aware_enhancer=LemmaContextAwareEnhancer(**enhancer))
    texts = [*TEXTS, "H12234567 is my licence", "a drivers-licence H12234567", "lic H12234567 dup"]
    check(
        alone,
        {"context_enhancer": enhancer, "score_threshold": 0.2},
        {"score_threshold": 0.2},
        texts=texts,
    )


def test_the_decision_process_is_in_the_findings_and_quotes_nothing():
    void = PatternRecognizer("T", deny_list=["void"])
    rows = check(engine(void), {"decision_process": True, "deny_lists": {"T": ["void"]}})
    expected = engine().analyze(TEXTS[2], "en", return_decision_process=True)
    why = {(r.entity_type, r.start): r.analysis_explanation for r in expected}
    found = {(f["entity"], f["start"]): f["decision"] for f in rows[2]["_rai_findings"]}
    key = ("US_DRIVER_LICENSE", 12)
    assert found[key] == {
        "pattern": why[key].pattern_name,
        "original_score": why[key].original_score,
        "context_word": why[key].supportive_context_word or None,
        "validated": why[key].validation_result,
    }
    email = next(f["decision"] for f in rows[0]["_rai_findings"] if f["entity"] == "EMAIL_ADDRESS")
    assert email["validated"] is True
    assert "anna" not in str([f["decision"] for row in rows for f in row["_rai_findings"]]).lower()
    plain = rai_scale.redact(pa.table({"t": TEXTS}), "t", model=MODEL, details=True)
    assert {f["decision"] for row in plain["_rai_findings"].to_pylist() for f in row} == {None}


@pytest.mark.parametrize("strategy", list(ConflictResolutionStrategy))
@pytest.mark.parametrize("merges", [True, False])
def test_conflicts_and_neighbours(strategy, merges):
    lists = {"LONG": ["Smith at 212-555"], "WORDS": ["Anna", "Smith", "Bob"]}
    own = [PatternRecognizer(entity, deny_list=words) for entity, words in lists.items()]
    chosen = {"conflict_resolution": strategy, "merge_entities_with_spaces": merges}
    options = {**chosen, "conflict_resolution": strategy.value, "deny_lists": lists}
    check(engine(*own), options, anonymize=chosen)


def test_an_operator_of_the_user():
    spec = {"type": f"{OWN}:Reversed", "mark": "*"}
    alone = AnonymizerEngine()
    alone.add_anonymizer(
        type("Named", (own_presidio.Reversed,), {"operator_name": lambda _: "own"})
    )
    operators = {"PERSON": OperatorConfig("own", {"mark": "*"})}
    expected = [
        alone.anonymize(text, engine().analyze(text, "en"), operators).text for text in TEXTS
    ]
    table = pa.table({"text": TEXTS})
    done = rai_scale.redact(table, "text", operators={"PERSON": spec}, model=MODEL, details=True)
    assert done["text"].to_pylist() == expected
    assert "*htimS annA*" in expected[0]
    used = {f["operator"] for row in done["_rai_findings"].to_pylist() for f in row}
    assert used == {"replace", spec["type"]}
    for bad, message in ((f"{OWN}:Reversd", "Did you mean"), (f"{OWN}:Reversed", "is refused")):
        with pytest.raises(ConfigError, match=message):
            rai_scale.redact(table, "text", operators={"PERSON": {"type": bad}}, model=MODEL)


def test_an_nlp_engine_of_the_user():
    settings = {
        "nlp_engine_name": "capital",
        "models": [{"lang_code": "en", "model_name": "none"}],
    }
    own = NlpEngineProvider((own_presidio.CapitalEngine,), nlp_configuration=settings)
    alone = AnalyzerEngine(nlp_engine=own.create_engine())
    options = {"nlp_engine": f"{OWN}:CapitalEngine", "model": "none"}
    rows = check(alone, options)
    assert ("PERSON", 0, 15, 0.7) in spans_found(rows[0])
    check(alone, {**options, "entities": ["PHONE_NUMBER"]}, {"entities": ["PHONE_NUMBER"]})
    with pytest.raises(ConfigError, match="'spacey' is not available here. Did you mean 'spacy'"):
        check(alone, {"nlp_engine": "spacey"})


@pytest.fixture(scope="module")
def spanish(tmp_path_factory):
    """A small Spanish model that knows one person."""
    model = spacy.blank("es")
    model.add_pipe("entity_ruler").add_patterns([{"label": "PER", "pattern": "Marisol"}])
    path = tmp_path_factory.mktemp("models") / "es_tiny"
    model.to_disk(path)
    return str(path)


def test_a_language_per_column_and_per_row(spanish):
    models = {"en": MODEL, "es": spanish}
    home = Path(predefined.__file__).parents[1] / "conf" / "default.yaml"
    settings = yaml.safe_load(home.read_text())
    settings["models"] = [{"lang_code": c, "model_name": m} for c, m in models.items()]
    both = NlpEngineProvider(nlp_configuration=settings).create_engine()
    alone = AnalyzerEngine(nlp_engine=both, supported_languages=["en", "es"])

    def expected(text, language):
        return AnonymizerEngine().anonymize(text, alone.analyze(text, language)).text

    texts = ["Marisol tiene el DNI 12345678Z", "Anna Smith, DNI 12345678Z", TEXTS[0]]
    codes = ["es", "en", None, "de"]
    table = pa.table({"id": range(4), "text": [*texts, "x"], "lang": codes, "nota": [*texts, None]})
    options = {"models": models, "language_column": "lang", "details": True}
    policy = {
        "text": {"action": "redact"},
        "nota": {"action": "redact", "language": "es"},
        "lang": {"action": "keep"},
    }
    dask = engine_named("dask")
    for runner, frame in ((None, table), (dask, dask.from_arrow(table, 2))):
        done = rai_scale.redact(frame, policy=policy, **options)
        rows = (done if runner is None else runner.collect(done).sort_by("id")).to_pylist()
        by_row = [expected(t, c or "en") for t, c in zip(texts, codes, strict=False)]
        assert [row["text"] for row in rows] == [*by_row, None]
        assert [row["nota"] for row in rows] == [*(expected(t, "es") for t in texts), None]
        assert [row["_rai_error"] for row in rows] == [None, None, None, "text: UnknownLanguage"]
    assert by_row[0] == "<PERSON> tiene el DNI <ES_NIF>"
    with pytest.raises(ConfigError, match="language 'fr' has no model; the languages are: en, es"):
        rai_scale.redact(
            table, policy={"text": {**policy["nota"], "language": "fr"}}, models=models
        )
    with pytest.raises(MissingColumnError, match="Did you mean 'lang'"):
        rai_scale.redact(table, "text", models=models, language_column="lan")
    with pytest.raises(ConfigError, match="has type int64; it must hold the code"):
        rai_scale.redact(table, "text", models=models, language_column="id")
    with pytest.raises(ConfigError, match="language 'en' is not one of models"):
        rai_scale.redact(table, "text", models={"es": spanish})
    for wrong in ({"language": "EN"}, {"models": {"en": MODEL, "Spanish": spanish}}):
        with pytest.raises(ConfigError, match="must be a code of ISO 639 in lower case"):
            rai_scale.redact(table, "text", model=MODEL, **wrong)


def test_options_reach_the_workers_of_every_engine(cluster_case, spanish):
    models = {"en": MODEL, "es": spanish}
    given = own_presidio.VerbRecognizer()
    spec = {"DEFAULT": {"type": f"{OWN}:Reversed", "mark": "*"}}
    texts = ["She writes to Anna Smith.", "Marisol tiene el DNI 12345678Z"]
    table = pa.table({"id": [0, 1], "text": texts, "lang": ["en", "es"]})
    options = {"models": models, "language_column": "lang", "recognizers": [given]}
    done = rai_scale.redact(cluster_case.make(table, 2), "text", operators=spec, **options)
    assert [row["text"] for row in cluster_case.rows(done, by="id")] == [
        "She *setirw* to *htimS annA*.",
        "*losiraM* tiene el DNI *Z87654321*",
    ]
