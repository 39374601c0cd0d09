"""Parts that a user may write for Presidio: recognizers, an operator, an NLP engine."""

from __future__ import annotations

import re
from types import SimpleNamespace

from presidio_analyzer import EntityRecognizer, PatternRecognizer, RecognizerResult
from presidio_analyzer.nlp_engine import NlpArtifacts, NlpEngine
from presidio_anonymizer.operators import Operator, OperatorType


class Reversed(Operator):
    """Turns a text around, between marks."""

    def operate(self, text, params=None):
        """Return the text from back to front."""
        mark = params["mark"]
        return f"{mark}{text[::-1]}{mark}"

    def validate(self, params=None):
        """Refuse parameters without a mark."""
        if "mark" not in (params or {}):
            raise ValueError("no mark")

    def operator_name(self):
        """Return the name of one of Presidio's own operators."""
        return "replace"

    def operator_type(self):
        """Return what the operator is for."""
        return OperatorType.Anonymize


class VerbRecognizer(EntityRecognizer):
    """Finds a lemma of the text, so that it needs tags."""

    def __init__(self, lemma="write", supported_language="en"):
        self.lemma = lemma
        super().__init__(["VERB"], supported_language=supported_language)

    def load(self):
        """Load nothing."""

    def analyze(self, text, entities, nlp_artifacts=None):
        """Return each token with the lemma."""
        pairs = zip(nlp_artifacts.lemmas, nlp_artifacts.tokens, strict=True)
        return [
            RecognizerResult("VERB", token.idx, token.idx + len(token), 0.9)
            for lemma, token in pairs
            if lemma == self.lemma
        ]


class FirstWordRecognizer(PatternRecognizer):
    """A pattern recognizer that also needs the result of the NLP engine."""

    def __init__(self, supported_language="en"):
        super().__init__("FIRST", deny_list=["never"], supported_language=supported_language)

    def analyze(self, text, entities, nlp_artifacts=None, regex_flags=None):
        """Return the first token."""
        token = next(iter(nlp_artifacts.tokens), None)
        return [] if token is None else [RecognizerResult("FIRST", 0, len(token), 0.9)]


class Token(str):
    """A word and where it starts."""

    idx: int


class CapitalEngine(NlpEngine):
    """An NLP engine without spaCy: words that begin with a capital letter are persons."""

    engine_name = "capital"
    is_available = True

    def __init__(self, models=None, ner_model_configuration=None):
        self.models = models
        self.nlp = None

    def load(self):
        """Take the languages."""
        self.nlp = {model["lang_code"]: model["model_name"] for model in self.models}

    def is_loaded(self):
        """Return whether load was called."""
        return self.nlp is not None

    def process_text(self, text, language):
        """Split a text into words."""
        tokens = []
        for found in re.finditer(r"\S+", text):
            tokens.append(Token(found[0]))
            tokens[-1].idx = found.start()
        names = [token for token in tokens if token[0].isupper()]
        entities = [
            SimpleNamespace(label_="PERSON", start_char=t.idx, end_char=t.idx + len(t))
            for t in names
        ]
        starts, lemmas = [t.idx for t in tokens], [t.lower() for t in tokens]
        scores = [0.7] * len(names)
        return NlpArtifacts(entities, tokens, starts, lemmas, self, language, scores)

    def process_batch(self, texts, language, batch_size=1, n_process=1, **kwargs):
        """Yield each text with its words."""
        for text in texts:
            yield text, self.process_text(text, language)

    def is_stopword(self, word, language):
        """Return whether a word is short."""
        return len(word) < 3

    def is_punct(self, word, language):
        """Return whether a word has no letters."""
        return not any(letter.isalnum() for letter in word)

    def get_supported_entities(self):
        """Return what the engine finds."""
        return ["PERSON"]

    def get_supported_languages(self):
        """Return the languages of the models."""
        return list(self.nlp)
