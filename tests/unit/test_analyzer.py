"""The analyzer of cells: order, shortcuts, errors of single texts, threads."""

from __future__ import annotations

import logging
from concurrent.futures import ThreadPoolExecutor

import pytest

from rai_scale.errors import ConfigError
from rai_scale.pii import AnalyzerConfig
from rai_scale.pii.analysis.analyzer import ValueAnalyzer, get_analyzer
from rai_scale.pii.analysis.least_spacy import tagging_components
from rai_scale.pii.analysis.patterns_before_spacy import PatternsFirst
from rai_scale.pii.analysis.text_limits import check_unbroken
from tests.capabilities.presidio_alone import MODEL, spans, stock_analyze

CONFIG = AnalyzerConfig(model=MODEL)
TEXTS = ["I am Anna Smith", "", "212-555-5555", "I am Anna Smith", "nothing", " "]


def test_results_are_in_the_order_of_the_texts():
    found = get_analyzer(CONFIG).analyze(TEXTS)
    assert [spans(list(f.results)) for f in found] == [spans(stock_analyze(t)) for t in TEXTS]
    assert {f.error for f in found} == {None}
    assert get_analyzer(CONFIG).analyze([]) == []


def test_equal_texts_are_analysed_once(monkeypatch):
    analyzer = get_analyzer(CONFIG)
    asked = []
    whole = type(analyzer.engine).analyze

    def count(self, text, *args, **kwargs):
        asked.append(text)
        return whole(self, text, *args, **kwargs)

    monkeypatch.setattr(type(analyzer.engine), "analyze", count)
    analyzer.analyze(["I am Anna Smith"] * 50)
    assert asked == ["I am Anna Smith"]


def test_spacy_runs_only_where_a_pattern_matched(monkeypatch):
    from spacy.pipeline import Tagger

    analyzer = get_analyzer(AnalyzerConfig(model=MODEL, entities=("EMAIL_ADDRESS", "IP_ADDRESS")))
    piped = []
    whole = Tagger.set_annotations

    def note(self, docs, *args):
        piped.extend(doc.text for doc in docs)
        return whole(self, docs, *args)

    monkeypatch.setattr(Tagger, "set_annotations", note)
    found = analyzer.analyze(["hello there", "my email is a@example.com", "I am Anna Smith"])
    assert piped == ["my email is a@example.com"]
    assert [len(f.results) for f in found] == [0, 1, 0]


def test_a_text_that_breaks_the_pipe_does_not_harm_the_others(monkeypatch):
    from spacy.language import Language

    analyzer = get_analyzer(CONFIG)
    whole = Language._ensure_doc

    def breaks(self, doc_like):
        if doc_like == "breaks":
            raise MemoryError("quotes a value")
        return whole(self, doc_like)

    monkeypatch.setattr(Language, "_ensure_doc", breaks)
    monkeypatch.setattr(Language, "make_doc", _failing_make_doc(Language.make_doc))
    found = analyzer.analyze(["I am Anna Smith", "breaks", "call 212-555-5555"])
    assert [f.error for f in found] == [None, "MemoryError", None]
    assert spans(list(found[2].results)) == spans(stock_analyze("call 212-555-5555"))


def _failing_make_doc(whole):
    def make_doc(self, text):
        if text == "breaks":
            raise MemoryError("quotes a value")
        return whole(self, text)

    return make_doc


def test_threads_share_an_analyzer():
    analyzer = get_analyzer(CONFIG)
    alone = analyzer.analyze(TEXTS)
    with ThreadPoolExecutor(4) as pool:
        done = list(pool.map(analyzer.analyze, [TEXTS] * 8))
    assert all(
        [spans(list(f.results)) for f in d] == [spans(list(f.results)) for f in alone] for d in done
    )


def test_entities_are_checked():
    with pytest.raises(ConfigError, match=r"no recognizer finds the entity 'EMAIL'.*EMAIL_ADDRESS"):
        ValueAnalyzer(AnalyzerConfig(model=MODEL, entities=("EMAIL",)))
    own = AnalyzerConfig(model=MODEL, entities=("TITLE",), deny_lists={"TITLE": ("Mr.",)})
    assert spans(list(ValueAnalyzer(own).analyze(["Mr. X"])[0].results)) == [("TITLE", 0, 3, 1.0)]


def test_a_value_is_never_logged(caplog):
    caplog.set_level(logging.DEBUG)
    for name in ("presidio-analyzer", "presidio-anonymizer", "rai_scale"):
        caplog.set_level(logging.INFO, logger=name)
    get_analyzer(CONFIG).analyze(["I am Zebulon Quux", "x" * 1_000_001])
    assert "Zebulon" not in caplog.text


def test_what_need_not_run_for_entities():
    import spacy

    nlp = spacy.load(MODEL)
    assert tagging_components(nlp) == ["tagger", "attribute_ruler", "lemmatizer"]
    nlp.get_pipe("attribute_ruler").add(patterns=[[{"ORTH": "x"}]], attrs={"NORM": "y"})
    assert tagging_components(nlp) == []  # networks read the NORM of a word


def test_an_unknown_pipeline_runs_whole():
    import spacy

    nlp = spacy.load(MODEL)
    nlp.add_pipe("entity_ruler")
    assert tagging_components(nlp) == []
    nlp = spacy.load(MODEL)
    assert tagging_components(nlp)
    nlp.config["components"]["ner"]["model"]["tok2vec"]["embed"]["attrs"] = ["LEMMA"]
    assert tagging_components(nlp) == []


def test_words_are_tagged_only_where_context_can_raise_a_score(monkeypatch):
    from spacy.pipeline import Tagger

    analyzer = get_analyzer(CONFIG)
    tagged = []
    whole = Tagger.set_annotations

    def note(self, docs, *args):
        tagged.extend(doc.text for doc in docs)
        return whole(self, docs, *args)

    monkeypatch.setattr(Tagger, "set_annotations", note)
    texts = ["I am Anna Smith", "my phone is 212-555-5555", "nothing"]
    found = analyzer.analyze(texts)
    assert tagged == ["my phone is 212-555-5555"]
    assert [spans(list(f.results)) for f in found] == [spans(stock_analyze(t)) for t in texts]


def test_each_pattern_is_matched_once(monkeypatch):
    engine = ValueAnalyzer(AnalyzerConfig(model=MODEL, entities=("EMAIL_ADDRESS",))).engine
    first = PatternsFirst(engine, "en", ["EMAIL_ADDRESS"])
    assert first.only
    assert [result.entity_type for _, result in first.look("a@example.com")] == ["EMAIL_ADDRESS"]
    assert first.look("nothing") == []


def test_an_entity_of_a_country_is_found_when_it_is_named():
    from presidio_analyzer import AnalyzerEngine
    from presidio_analyzer.predefined_recognizers import DeTaxIdRecognizer, UkNinoRecognizer

    named = ("DE_TAX_ID", "ORGANIZATION", "PERSON", "UK_NINO", "ZA_MOBILE_NUMBER")
    analyzer = ValueAnalyzer(AnalyzerConfig(model=MODEL, entities=named))
    text = "nino AB123456C, Steuer-ID 86095742719, Anna Smith of Microsoft Corporation"
    found = spans(list(analyzer.analyze([text])[0].results))
    stock = AnalyzerEngine(nlp_engine=analyzer.engine.nlp_engine)
    stock.registry.add_recognizer(UkNinoRecognizer())
    stock.registry.add_recognizer(DeTaxIdRecognizer(supported_language="en"))
    assert found == spans(stock.analyze(text, language="en", entities=list(named[:-1])))
    assert {entity for entity, *_ in found} == {*named[:-1]}
    assert "UK_NINO" in get_analyzer(CONFIG).entities
    assert not {"UK_NINO", "ORGANIZATION"} & get_analyzer(CONFIG).found


def test_an_own_list_for_an_entity_stays_the_only_one():
    own = {"deny_lists": {"ORGANIZATION": ("Acme",)}, "entities": ("ORGANIZATION",)}
    found = ValueAnalyzer(AnalyzerConfig(model=MODEL, **own)).analyze(["Acme, Microsoft Corp."])
    assert spans(list(found[0].results)) == [("ORGANIZATION", 0, 4, 1.0)]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"deny_lists": {"TITLE": ()}}, r"deny_lists.TITLE has no words"),
        ({"deny_lists": {"TITLE": ("Mr.", " ")}}, r"deny_lists.TITLE: entry 1 is empty"),
        ({"allow_list": ("", "x")}, r"allow_list: entry 0 is empty"),
        ({"allow_list": ("(",), "allow_list_match": "regex"}, "not a valid regular expression"),
        (
            {"patterns": ({"entity": "X", "regex": "[a"},)},
            r"patterns.0.regex: entry 0 is not a valid",
        ),
        ({"deny_lists": {"T": ("x",)}, "entities": ("PERSON",)}, r"\['T'\] have a deny list or"),
        ({"entities": ("UK_NNO",)}, "Did you mean 'UK_NINO'"),
    ],
)
def test_what_can_find_nothing_is_refused(options, message):
    with pytest.raises(ConfigError, match=message):
        ValueAnalyzer(AnalyzerConfig(model=MODEL, **options))


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("(" * 30_000, "UnbrokenText"),
        ('{"a":' * 100_000, "UnbrokenText"),
        ("x" * 1_000_001, "TextTooLong"),
    ],
)
def test_a_text_that_would_not_end_is_set_aside(text, error):
    found = get_analyzer(CONFIG).analyze(["I am Anna Smith", text])
    assert [f.error for f in found] == [None, error]
    assert len(found[0].results) == 1


def test_long_texts_of_words_are_no_work():
    for text in (
        "Anna Smith wrote. " * 50_000,
        "今天我们去公园玩。" * 100_000,
        "QmFzZTY0/+" * 90_000,
    ):
        check_unbroken(text)
