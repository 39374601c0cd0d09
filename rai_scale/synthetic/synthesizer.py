"""The result of a synthesis: a model, the measurements it was fitted to, and samples of it."""

from __future__ import annotations

import datetime
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from rai_scale.errors import ConfigError, check_not_taken
from rai_scale.names import names_of
from rai_scale.records.canonical import canonical_json
from rai_scale.results import Result, Tables
from rai_scale.synthetic.domain import Domain, declare
from rai_scale.synthetic.drawing import drawn_frame
from rai_scale.synthetic.error_bounds import error_bound
from rai_scale.synthetic.fitting import Zeros, fit
from rai_scale.synthetic.loading import loaded_measured, loaded_zeros
from rai_scale.synthetic.measuring import Measured
from rai_scale.synthetic.tree import Tree

FORM = 1
"""The version of the file that :meth:`Synthesizer.save` writes."""
CONFIDENCE = 0.95
METRICS = ("rows", "measurements", "mean_noise", "mean_residual")
"""What gates judge: estimated rows, and means over the measurements as total variations."""
WORDS = (
    "Every number here comes from noisy measurements, so the number of rows is an estimate. A "
    "sample shows the measured marginals and what follows from them; it shows nothing else that "
    "the rows contained."
)


@dataclass(frozen=True, repr=False)
class Synthesizer(Result):
    """A model of a table, made from one private release; samples of it cost nothing more.

    Attributes
    ----------
    domain : Domain
        The declared columns.
    measured : tuple of Measured
        What was released: marginals with noise.
    zeros : tuple of (clique, ndarray)
        Combinations that cannot occur.
    facts : dict
        How it was made: method, budget, largest number of rows of a unit, reservation.
    """

    domain: Domain
    measured: tuple[Measured, ...]
    zeros: tuple[Zeros, ...] = ()
    facts: Mapping[str, Any] = field(default_factory=dict)

    @cached_property
    def tree(self) -> Tree:
        """The fitted model."""
        return fit(self.domain.sizes, self.measured, self.zeros)

    @property
    def total(self) -> float:
        """The number of rows, estimated from the measurements."""
        return self.tree.total

    @property
    def measurements(self) -> pd.DataFrame:
        """One row per measurement: ``columns``, ``cells``, ``sigma``, ``noise`` and ``residual``.

        ``sigma`` is the standard deviation of the noise of a cell. ``noise`` is its expected sum of
        absolute values over all cells, and ``residual`` the distance of the model from the
        measurement, both as a share of the rows, halved as in a total variation.
        """
        rows = []
        for one in self.measured:
            fitted = self.tree.project(one.clique).reshape(-1)
            rows.append(
                {
                    "columns": self.domain.named(one.clique),
                    "cells": one.values.size,
                    "sigma": one.sigma,
                    "noise": one.noise / self.total / 2,
                    "residual": float(np.abs(one.values - fitted).sum()) / self.total / 2,
                }
            )
        return pd.DataFrame(rows)

    @property
    def errors(self) -> pd.DataFrame:
        """One row per column and pair of columns: ``columns`` and ``bound``.

        ``bound`` is at least the total variation between the model and the counts, each with a
        confidence of 95 %; NaN for columns that were not measured together. It is made from the
        measurements, and costs nothing.
        """
        columns = range(len(self.domain.names))
        cliques = [*((i,) for i in columns), *combinations(columns, 2)]
        return pd.DataFrame(
            {
                "columns": [self.domain.named(clique) for clique in cliques],
                "bound": [
                    error_bound(self.tree, self.measured, clique, CONFIDENCE) for clique in cliques
                ],
            }
        )

    def sample(self, rows: int | None = None, like: Any = None, *, random_state: int = 0) -> Any:
        """Draw rows of the model.

        Parameters
        ----------
        rows : int, optional
            By default the estimated number of rows.
        like : frame, optional
            A frame of the engine that the rows are drawn on; the result is lazy where its frames
            are. By default a pandas frame is drawn in this process.
        random_state : int
            Row ``i`` depends on it and on ``i`` alone, whatever the engine.

        Returns
        -------
        frame
            The declared columns, with the types of their declared values.
        """
        number = max(1, round(self.total)) if rows is None else rows
        if isinstance(number, bool) or not isinstance(number, int) or number < 0:
            raise ConfigError("rows must be an integer from 0.")
        return drawn_frame(self.tree, self.domain, number, random_state, like)

    def project(self, columns: str | Sequence[str]) -> pd.DataFrame:
        """Return the expected number of rows per combination of declared values.

        Parameters
        ----------
        columns : str or sequence of str

        Returns
        -------
        pandas.DataFrame
            A label of each column's value or bin, and ``rows`` (float64), or ``expected_rows`` if
            a column of the model is named ``rows``.

        Raises
        ------
        ConfigError
            If no column is named, or one that is not in the model, or one twice.
        """
        names = names_of(columns)
        if not names:
            raise ConfigError("columns is empty: name at least one column to project to.")
        number = "expected_rows" if "rows" in self.domain.names else "rows"
        check_not_taken(names, [number], "project")
        clique = self.domain.places(names)
        table = self.tree.project(clique)
        named = [self.domain.names[i] for i in clique]
        labels = [self.domain.columns[i][1].names() for i in clique]
        index = pd.MultiIndex.from_product(labels, names=named)
        frame = pd.DataFrame({number: table.reshape(-1)}, index=index).reset_index()
        return frame[[*names, number]]

    def save(self, path: str) -> None:
        """Write the model to a local file: plain JSON and the noisy counts, without code.

        Parameters
        ----------
        path : str
            Usually with the ending ``.json``.
        """
        Path(path).write_text(self.to_stored(), encoding="utf-8")

    def to_stored(self) -> str:
        """Return the content of the file that :meth:`save` writes."""
        return canonical_json(self._stored())

    @classmethod
    def load(cls, path: str) -> Synthesizer:
        """Read a model that :meth:`save` wrote; nothing in the file is run.

        Raises
        ------
        ConfigError
            If the file is not such a model.
        """
        try:
            stored = json.loads(Path(path).read_text(encoding="utf-8"))
            if stored["form"] != FORM:
                raise ConfigError(f"{path!r} was written by another version of rai_scale.")
            return cls._from(stored)
        except (KeyError, TypeError, ValueError, ArithmeticError, RecursionError):
            raise ConfigError(f"{path!r} is not a model that Synthesizer.save wrote.") from None

    def _stored(self) -> dict[str, Any]:
        return {
            "form": FORM,
            "domain": stored_domain(self.domain),
            "measured": [[list(m.clique), m.sigma, m.values.tolist()] for m in self.measured],
            "zeros": [[list(clique), rows.tolist()] for clique, rows in self.zeros],
            "facts": dict(self.facts),
        }

    @classmethod
    def _from(cls, stored: Mapping[str, Any]) -> Synthesizer:
        domain = loaded_domain(stored["domain"])
        measured = loaded_measured(domain, stored["measured"])
        return cls(domain, measured, loaded_zeros(domain, stored["zeros"]), dict(stored["facts"]))

    def totals(self) -> Mapping[str, Any]:
        """Return the method, the number of columns and measurements, and the estimated rows."""
        return {
            "method": self.facts.get("method"),
            "columns": len(self.domain.names),
            "measurements": len(self.measured),
            "rows": round(self.total),
        }

    def _numbers(self) -> Mapping[str, float]:
        made = self.measurements
        values = (self.total, len(made), made["noise"].mean(), made["residual"].mean())
        return dict(zip(METRICS, map(float, values), strict=True))

    def _tables(self) -> Tables:
        return {"measurements": lambda: self.measurements, "errors": lambda: self.errors}

    @property
    def remarks(self) -> list[str]:
        """What a reader must know: what the numbers are made from, and the budget."""
        spent = ", ".join(
            f"{name} {self.facts[name]:g}"
            for name in ("epsilon", "delta", "rho")
            if self.facts.get(name)
        )
        notes = [WORDS, *([f"Budget: {spent}."] if spent else [])]
        if self.facts.get("private"):
            notes.append(
                f"{self.facts['domain_share']:.0%} of the budget found the values and edges of "
                f"{', '.join(self.facts['private'])}."
            )
        return notes

    def _remarks(self) -> Sequence[str]:
        return self.remarks


def stored_domain(domain: Domain) -> list[dict[str, Any]]:
    """Return the declarations as JSON values."""
    found: list[dict[str, Any]] = json.loads(
        canonical_json([{"name": name, **one.to_dict()} for name, one in domain.columns])
    )
    return found


def loaded_domain(stored: Sequence[Mapping[str, Any]]) -> Domain:
    """Return the domain of :func:`stored_domain`."""
    given = {
        one["name"]: {key: timed(value) for key, value in one.items() if key != "name"}
        for one in stored
    }
    if len(given) != len(stored):
        raise ConfigError("a column is declared twice.")
    return declare(None, given)


def timed(value: Any) -> Any:
    """Return a stored declaration with its dates and times."""
    if isinstance(value, list):
        return [timed(item) for item in value]
    if isinstance(value, Mapping) and set(value) == {"$time"}:
        text = value["$time"]
        kind = datetime.datetime if "T" in text else datetime.date
        return kind.fromisoformat(text)
    return value
