"""The table of all jobs, from which commands, schemas and scripts are made."""

from __future__ import annotations

import json
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from rai_scale.errors import ConfigError
from rai_scale.jobs.job import Job


@dataclass(frozen=True)
class Argument:
    """An option of a command that sets a key of the configuration.

    Attributes
    ----------
    key : str
        Name of the option.
    help : str
    many : bool
        Whether it takes several values, repeated or separated by commas.
    pairs : bool
        Whether it takes ``NAME=VALUE``, repeated.
    to : str
        Dotted key of the configuration; by default ``key``.
    """

    key: str
    help: str
    many: bool = False
    pairs: bool = False
    to: str = ""

    def setting(self, given: Any) -> str:
        """Return the ``--set`` that is equivalent to a value of the option.

        Raises
        ------
        ConfigError
            If a value should be ``NAME=VALUE`` and is not.
        """
        if self.many:
            given = [name for part in given for name in part.split(",")]
        if self.pairs:
            parts = [part.partition("=") for part in given]
            if not all(name and value for name, _, value in parts):
                raise ConfigError(f"--{self.key}: write it as NAME=VALUE.")
            given = {name: value for name, _, value in parts}
        return f"{self.to or self.key}={json.dumps(given)}"


@dataclass(frozen=True)
class Entry:
    """A job as a command: ``rai-scale NAME CONFIG.yaml``, or ``rai-scale NAME INPUT`` with options.

    Attributes
    ----------
    name : str
        One word, or the name of a group of commands and one word.
    package : str
        Folder of ``rai_scale/jobs``.
    conf : str
        Name of its YAML file and of its schema.
    help : str
    arguments : tuple of Argument
    takes : str
        What INPUT is, for ``--help``.
    advises : bool
        Whether ``--advise`` is an option.
    constant : str
        Name of the job in its module.
    folder : str
        Folder that is written without YAML; by default, ``out`` and the name of the YAML file.
    """

    name: str
    package: str
    conf: str
    help: str
    arguments: tuple[Argument, ...] = ()
    takes: str = "a table or a folder of tables"
    advises: bool = False
    constant: str = "JOB"
    folder: str = ""

    def values(self, given: str) -> dict[str, Any]:
        """Return the first keys of a configuration without YAML, for the INPUT of the command."""
        key = {"queries": [{"name": "result", "query": given}]}
        return {**(key if self.takes == "a query" else {"source": given}), "output": self.output}

    @property
    def options(self) -> dict[str, str]:
        """Return the options of the command by the keys of the configuration that they set."""
        return {a.to or a.key: f"--{a.key.replace('_', '-')}" for a in self.arguments}

    @property
    def output(self) -> str:
        """Folder that is written without YAML, if ``--output`` names no other."""
        return self.folder or f"out/{self.conf}"

    @property
    def job(self) -> Job[Any]:
        """The job, imported when it is first needed."""
        module = import_module(f"rai_scale.jobs.{self.package}.run")
        found: Job[Any] = getattr(module, self.constant)
        return found


_TABLE = Argument("table", "Table of the source, if it has several.")
_Y_TRUE = Argument("y_true", "Column of true labels.")
_Y_PRED = Argument("y_pred", "Column of predicted labels.")
_FEATURES = Argument("features", "Columns that the model reads.", many=True)
_SENSITIVE = Argument("sensitive_features", "Columns that name the groups.", many=True)
_BUDGET = {
    "ledger": "SQLAlchemy URL of the ledger, or a reference: env:NAME, file:/path, "
    "databricks:scope/key.",
    "scope": "Scope of the ledger that is charged.",
    "analyst": "Name of the analyst who is charged.",
    "epsilon": "Amount of epsilon.",
    "delta": "Amount of delta.",
}
_TOKENS = (
    Argument("columns", "Columns of text with tokens, if the source is one table.", many=True),
    Argument("keys", "KEY_ID=REFERENCE to the secret, such as k1=env:K1.", pairs=True),
    Argument("log", "SQLAlchemy URL of the restore log, or a reference to it."),
    Argument("analyst", "Who restores."),
    Argument("purpose", "Why."),
)

JOBS: tuple[Entry, ...] = (
    Entry(
        *("scan", "scan", "scan"),
        "Find the personal data in tables; exit code 1 if a gate fails.",
        (Argument("write_redact_config", "Write a proposed redaction to this file."),),
    ),
    Entry(
        *("redact", "redact", "redact"),
        "Redact personal data in tables; exit code 2 if rows were quarantined.",
        (
            Argument(
                "columns",
                "Columns of text with personal data, if the source is one table.",
                many=True,
            ),
            Argument("key_columns", "Columns that identify a row in the findings.", many=True),
        ),
    ),
    Entry(
        *("redact-images", "redact_images", "images"),
        "Redact personal data in images and scanned PDFs; exit code 2 if a file was not read.",
        (Argument("ignore", "Patterns of files to leave out.", many=True),),
        takes="an image file or a folder of them",
    ),
    Entry(
        *("restore", "restore", "restore"),
        "Put the values back where tokens stand, and record who did it and why.",
        _TOKENS,
    ),
    Entry(
        *("keys rotate", "restore", "rotate"),
        "Make all tokens with another key, without writing the values.",
        (*_TOKENS, Argument("to", "Key id of the new tokens.")),
        constant="ROTATE_JOB",
    ),
    Entry(
        *("evaluate-pii", "evaluate_pii", "evaluate_pii"),
        "Measure a detector of personal data on labelled texts; exit code 1 if a gate fails.",
        (_TABLE,),
        takes="a file of labelled texts, such as presidio-evaluator's JSON",
    ),
    Entry(
        *("review-pii", "review_pii", "review_pii"),
        "Draw texts, and write a page on which a person marks what a detector missed.",
        (_TABLE, Argument("columns", "Columns of text.", many=True)),
    ),
    Entry(
        *("fairness", "fairness", "fairness"),
        "Measure the predictions of a model by group; exit code 1 if a gate fails.",
        (_TABLE, _Y_TRUE, _Y_PRED, _SENSITIVE),
    ),
    Entry(
        *("balance", "balance", "balance"),
        "Measure how balanced groups are in data and predictions; exit code 1 if a gate fails.",
        (_TABLE, _SENSITIVE, _Y_TRUE, _Y_PRED),
    ),
    Entry(
        *("error-analysis", "error_analysis", "error_analysis"),
        "Find where a model errs: a tree of errors; exit code 1 if a gate fails.",
        (_TABLE, _Y_TRUE, _Y_PRED, _FEATURES),
    ),
    Entry(
        *("risk", "risk", "risk"),
        "Measure who can be identified again in a table; exit code 1 if a gate fails.",
        (
            _TABLE,
            Argument("quasi_identifiers", "Columns that somebody may know.", many=True),
            Argument("sensitive", "Columns that must not become known.", many=True),
        ),
    ),
    Entry(
        *("personalization", "personalization", "personalization"),
        "Audit a log of recommendations; exit code 1 if a gate fails.",
        (
            _TABLE,
            *(
                Argument(name, f"Column of the {name}.", to=f"log.{name}")
                for name in ("person", "item", "action", "propensity", "time")
            ),
            Argument("rewards", "NAME=COLUMN of a reward.", pairs=True, to="log.rewards"),
            Argument("groups", "Columns that name groups of people.", many=True, to="log.groups"),
        ),
    ),
    Entry(
        *("private-sql", "private_sql", "private_sql"),
        "Release private tables; exit code 1 if a gate fails or the budget is too small.",
        (
            Argument(
                "table", "NAME=PATH of a table that the query names.", pairs=True, to="source"
            ),
            Argument("metadata", "YAML file of the tables' metadata, in smartnoise-sql's form."),
            *(Argument(name, help, to=f"private.{name}") for name, help in _BUDGET.items()),
        ),
        takes="a query",
        advises=True,
    ),
    Entry(
        *("synthesize", "synthesize", "synthetic"),
        "Make synthetic rows under a privacy budget; exit code 1 if the budget is too small.",
        (
            _TABLE,
            *(Argument(name, help, to=f"private.{name}") for name, help in _BUDGET.items()),
        ),
    ),
    Entry(
        *("explain", "explain", "explain"),
        "Explain the predictions of a model for a table; exit code 1 if a gate fails.",
        (_TABLE, Argument("model", "File of the model."), _FEATURES),
    ),
    Entry(
        *("train-ebm", "glassbox", "ebm"),
        "Train an Explainable Boosting Machine on a table; exit code 1 if a gate fails.",
        (_TABLE, _FEATURES, _Y_TRUE),
    ),
    Entry(
        *("dashboard", "dashboard", "dashboard"),
        "Show the results of other jobs on one page; exit code 1 if a gate fails.",
        (Argument("suppress_below", "Groups with fewer rows are hidden."),),
        takes="a folder with results of jobs",
        folder="dashboard",
    ),
)
