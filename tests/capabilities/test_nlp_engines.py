"""NLP engines other than spaCy, with tiny models that are trained here: as Presidio alone.

They need packages that no extra has; ``make proof ARGS=nlp`` runs them where these are installed.
"""

from __future__ import annotations

import json
from functools import partialmethod
from pathlib import Path

import pyarrow as pa
import pytest
import yaml
from presidio_analyzer import AnalyzerEngine
from presidio_analyzer import nlp_engine as presidio
from presidio_analyzer.nlp_engine import NlpEngineProvider

import rai_scale
from rai_scale.errors import ConfigError, MissingModelError
from rai_scale.pii.analysis.analyzer import get_analyzer
from rai_scale.pii.analysis.config import AnalyzerConfig
from tests.capabilities.presidio_alone import MODEL
from tests.capabilities.test_presidio_options import TEXTS, check

torch = pytest.importorskip("torch")
WORDS = [
    ("Call", "VERB", "O"),
    ("Anna", "PROPN", "B-PERSON"),
    ("Smith", "PROPN", "E-PERSON"),
    ("at", "ADP", "O"),
    ("Acme", "PROPN", "S-ORG"),
    ("in", "ADP", "O"),
    ("Boston", "PROPN", "S-GPE"),
    ("on", "ADP", "O"),
    ("3", "NUM", "B-DATE"),
    ("May", "PROPN", "E-DATE"),
]
TINY = ["8", "--hidden_dim", "8", "--char_hidden_dim", "8", "--char_emb_dim", "8", "--cpu"]
NAMES = [*TEXTS, "Anna Smith. Bob in Boston\nAnna Smith", "licence H12234567 in Boston"]


def alone(name: str, model: object) -> AnalyzerEngine:
    """Presidio's engine with its own settings of an NLP engine, without downloads."""
    known = None
    if name == "stanza":
        offline = partialmethod(presidio.StanzaNlpEngine.__init__, download_if_missing=False)
        known = (type("Offline", (presidio.StanzaNlpEngine,), {"__init__": offline}),)
    home = Path(presidio.__file__).parents[1] / "conf" / f"{name}.yaml"
    settings = yaml.safe_load(home.read_text())
    settings["models"] = [{"lang_code": "en", "model_name": model}]
    provider = NlpEngineProvider(known, nlp_configuration=settings)
    return AnalyzerEngine(nlp_engine=provider.create_engine())


def found(rows: list[dict]) -> set[str]:
    return {finding["entity"] for row in rows for finding in row["_rai_findings"]}


@pytest.fixture(scope="module")
def stanza_models(tmp_path_factory):
    """A folder of models of stanza: words and lemmas by rule, a tagger and a recognizer trained."""
    pytest.importorskip("stanza")
    from stanza.models import ner_tagger, tagger

    home = tmp_path_factory.mktemp("stanza")
    lines = [
        f"{n}\t{word}\t{word}\t{tag}\t_\t_\t{int(n > 1)}\t{'dep' if n > 1 else 'root'}\t_\t_"
        for n, (word, tag, _) in enumerate(WORDS, 1)
    ]
    (home / "words.conllu").write_text("\n".join(lines) + "\n\n")
    (home / "names.json").write_text(json.dumps([[{"text": w, "ner": n} for w, _, n in WORDS]] * 8))
    for part, train, file in (("pos", tagger, "words.conllu"), ("ner", ner_tagger, "names.json")):
        data = ["--train_file", str(home / file), "--eval_file", str(home / file)]
        saved = ["--save_dir", str(home / "en" / part), "--save_name", "tiny.pt"]
        steps = ["--max_steps", "150", "--eval_interval", "50", "--dropout", "0", "--lr", "0.05"]
        named = ["--shorthand", "en_tiny", "--no_pretrain", "--word_emb_dim", *TINY]
        lang = ["--lang", "en"] if part == "pos" else ["--optim", "adam"]
        train.main([*data, *saved, *steps, *named, *lang])
    default = {"tokenize": "spacy", "pos": "tiny", "lemma": "identity", "ner": "tiny"}
    english = {
        "tokenize": {},
        "pos": {"tiny": {}},
        "ner": {"tiny": {}},
        "packages": {"default": default},
    }
    (home / "resources.json").write_text(json.dumps({"en": english}))
    return home


@pytest.fixture
def at_home(stanza_models, monkeypatch):
    module = "presidio_analyzer.nlp_engine.stanza_nlp_engine.DEFAULT_MODEL_DIR"
    monkeypatch.setattr(module, str(stanza_models))


@pytest.mark.usefixtures("at_home")
def test_stanza():
    options = {"nlp_engine": "stanza", "model": "en"}
    rows = check(alone("stanza", "en"), options, texts=NAMES)
    assert {"PERSON", "LOCATION", "PHONE_NUMBER"} <= found(rows)
    assert get_analyzer(AnalyzerConfig(**options))._spacy is None


@pytest.mark.usefixtures("at_home")
def test_stanza_finds_patterns_and_context_alone():
    options = {"nlp_engine": "stanza", "model": "en", "entities": ["US_DRIVER_LICENSE"]}
    arguments = {"entities": ["US_DRIVER_LICENSE"]}
    rows = check(alone("stanza", "en"), options, arguments, texts=NAMES)
    assert found(rows) == {"US_DRIVER_LICENSE"}


@pytest.mark.usefixtures("at_home")
def test_a_model_of_stanza_that_is_missing_is_never_downloaded():
    with pytest.raises(MissingModelError, match="STANZA_RESOURCES_DIR"):
        rai_scale.redact(_frame(), "text", nlp_engine="stanza", model="de", language="de")


@pytest.fixture(scope="module")
def transformers_model(tmp_path_factory):
    """A folder with a tiny model that has learned the labels of some words."""
    transformers = pytest.importorskip("transformers")
    home = tmp_path_factory.mktemp("transformers")
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *(word.lower() for word, *_ in WORDS)]
    letters = "abcdefghijklmnopqrstuvwxyz0123456789.,-@:"
    parts = [*words, *letters, *(f"##{letter}" for letter in letters)]
    (home / "vocab.txt").write_text("\n".join(dict.fromkeys(parts)))
    tokenizer = transformers.BertTokenizerFast(str(home / "vocab.txt"), model_max_length=64)
    names = ["O", "PERSON", "ORG", "GPE", "DATE"]
    labels = {"id2label": dict(enumerate(names)), "label2id": {n: i for i, n in enumerate(names)}}
    shape = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 1}
    shape |= {"intermediate_size": 16, "max_position_embeddings": 64}
    torch.manual_seed(3)
    config = transformers.BertConfig(vocab_size=len(tokenizer), **shape, **labels)
    model = transformers.BertForTokenClassification(config)
    known = torch.tensor([[names.index(ner.split("-")[-1]) for *_, ner in WORDS]])
    given = tokenizer([w for w, *_ in WORDS], is_split_into_words=True, add_special_tokens=False)
    ids = torch.tensor([given["input_ids"]])
    optimizer = torch.optim.Adam(model.parameters(), lr=0.02)
    for _ in range(60):
        optimizer.zero_grad()
        model(input_ids=ids, labels=known).loss.backward()
        optimizer.step()
    for part in (model, tokenizer):
        part.save_pretrained(str(home / "model"))
    return {"spacy": MODEL, "transformers": str(home / "model")}


def test_transformers(transformers_model):
    options = {"nlp_engine": "transformers", "models": {"en": transformers_model}}
    rows = check(alone("transformers", transformers_model), options, texts=NAMES)
    assert {"PERSON", "LOCATION", "EMAIL_ADDRESS"} <= found(rows)
    assert get_analyzer(AnalyzerConfig(**options))._spacy is None


def test_transformers_read_texts_longer_than_their_window(transformers_model):
    options = {"nlp_engine": "transformers", "models": {"en": transformers_model}}
    texts = [f"{'Call Bob. ' * n}Anna Smith in Boston, H12234567" for n in (0, 10, 40)]
    check(alone("transformers", transformers_model), options, texts=texts)


def test_a_model_of_transformers_is_a_folder(transformers_model):
    with pytest.raises(ConfigError, match="a model is {'spacy': NAME, 'transformers': FOLDER}"):
        rai_scale.redact(_frame(), "text", nlp_engine="transformers")
    missing = {"en": {**transformers_model, "transformers": "nobody/no-model"}}
    with pytest.raises(MissingModelError, match="never downloaded"):
        rai_scale.redact(_frame(), "text", nlp_engine="transformers", models=missing)


def _frame():
    return pa.table({"text": TEXTS})
