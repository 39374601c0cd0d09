"""All jobs: the commands, schemas and scripts are made from this table."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from typing import Any

from rai_scale.jobs.job import Job


@dataclass(frozen=True)
class Argument:
    """A key of the configuration that a command also takes as an option."""

    key: str
    help: str
    many: bool = False


@dataclass(frozen=True)
class Entry:
    """A job as a command: ``rai-scale NAME CONFIG.yaml``.

    ``arguments`` are what the simple case takes without YAML, ``rai-scale NAME SOURCE``; None where
    a job cannot be said in a line. ``conf`` names its YAML and its schema.
    """

    name: str
    package: str
    conf: str
    help: str
    arguments: tuple[Argument, ...] | None = ()

    @property
    def job(self) -> Job[Any]:
        """The job itself, imported when it is asked for."""
        found: Job[Any] = import_module(f"rai_scale.jobs.{self.package}.run").JOB
        return found


_TABLE = Argument("table", "Which table of the source, where there are several.")
_Y_TRUE = Argument("y_true", "Column of true labels.")
_Y_PRED = Argument("y_pred", "Column of predicted labels.")
_FEATURES = Argument("features", "Columns that the model reads.", many=True)
_SENSITIVE = Argument("sensitive_features", "Columns of the groups.", many=True)

JOBS: tuple[Entry, ...] = (
    Entry(
        *("scan", "scan", "scan"),
        "Find the personal data of a lake; exit code 1 if a gate fails.",
        (Argument("write_redact_config", "Write a proposed redaction to this file."),),
    ),
    Entry(
        *("redact", "redact", "redact"),
        "Redact the tables of a lake; exit code 2 if rows were quarantined.",
        (
            Argument(
                "columns", "Columns with personal texts, of a source of one table.", many=True
            ),
            Argument("key_columns", "Columns that name a row in the findings.", many=True),
        ),
    ),
    Entry(
        *("fairness", "fairness", "fairness"),
        "Measure a model by group; exit code 1 if a gate fails.",
        (_TABLE, _Y_TRUE, _Y_PRED, _SENSITIVE),
    ),
    Entry(
        *("balance", "balance", "balance"),
        "Measure how evenly groups are represented, labelled and predicted.",
        (_TABLE, _SENSITIVE, _Y_TRUE, _Y_PRED),
    ),
    Entry(
        *("private-sql", "private_sql", "private_sql"),
        "Release private tables; exit code 1 if the budget is too small.",
        None,
    ),
    Entry(
        *("explain", "explain", "explain"),
        "Explain the predictions of a model for a table, and write a report.",
        (_TABLE, Argument("model", "File of the model."), _FEATURES),
    ),
    Entry(
        *("train-ebm", "glassbox", "ebm"),
        "Train an Explainable Boosting Machine on a table, and write a report.",
        (_TABLE, _FEATURES, _Y_TRUE),
    ),
)
