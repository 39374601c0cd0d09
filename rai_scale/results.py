"""What every result offers: words, tables, plain values, JSON, a page, gates, MLflow."""

from __future__ import annotations

import math
import re
import tempfile
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from html import escape
from pathlib import Path
from typing import Any

import pandas as pd

from rai_scale.errors import ConfigError, MissingExtraError, did_you_mean
from rai_scale.gates import Figure, Gate, check_gates, gates_of
from rai_scale.statistics.json_values import json_text, plain

Tables = Mapping[str, Callable[[], pd.DataFrame]]
METRICS_SAID = 8


class Result:
    """Base of result objects; a subclass gives its tables, its numbers and its sizes."""

    def _tables(self) -> Tables:
        """Return what makes each table; the first one is the default."""
        return {}

    def _numbers(self) -> Mapping[str, float]:
        """Return all numbers that a run is compared by; NaN is one that is not known."""
        return {}

    def _figures(self) -> Mapping[str, Sequence[Figure]]:
        """Return the numbers that gates judge, with bounds where there are any."""
        return {name: [Figure(float(value))] for name, value in self._numbers().items()}

    def _checked(self) -> Sequence[Mapping[str, Any]]:
        """Return the gates that were checked when the result was made."""
        return ()

    def _remarks(self) -> Sequence[str]:
        """Return what a reader should know besides the numbers."""
        return ()

    def totals(self) -> Mapping[str, Any]:
        """Return what there is, and how much of it; never a value of a row."""
        return {}

    def __repr__(self) -> str:
        sizes = ", ".join(f"{name}={_said(value)}" for name, value in self.totals().items())
        return f"{type(self).__name__}({sizes})"

    def summary(self) -> str:
        """Return a few lines of text: sizes, gates, first numbers, remarks, names of tables."""
        lines = [repr(self)]
        for gate in self.gates():
            holds = "holds" if gate["passed"] else "FAILS"
            lines.append(f"gate {gate['name']} {holds}: {gate['detail']}")
        numbers = [(name, value) for name, value in self._numbers().items()]
        lines += [f"{name}: {_said(value)}" for name, value in numbers[:METRICS_SAID]]
        if len(numbers) > METRICS_SAID:
            lines.append(f"and {len(numbers) - METRICS_SAID} more numbers in metrics()")
        lines += self._remarks()
        return "\n".join([*lines, f"tables: {', '.join(self._all_tables())}"])

    def to_pandas(self, table: str | None = None) -> pd.DataFrame:
        """Return a table, by default the first one that :meth:`summary` names.

        Raises
        ------
        ConfigError
            If there is no table of this name.
        """
        tables = self._all_tables()
        name = next(iter(tables)) if table is None else table
        if name not in tables:
            raise ConfigError(
                f"no table {name!r}.{did_you_mean(str(name), tables)} "
                f"There are: {', '.join(tables)}."
            )
        return tables[name]()

    def to_dict(self) -> dict[str, Any]:
        """Return the result as plain values: None is undefined, infinite numbers are text."""
        tables = {name: plain(make()) for name, make in self._tables().items()}
        return {**plain(self.totals()), "metrics": plain(self._numbers()), **tables}

    def to_json(self) -> str:
        """Return the plain values as JSON text."""
        return json_text(self.to_dict())

    def metrics(self) -> dict[str, float]:
        """Return the few numbers that a run is compared by, without those that are not known."""
        numbers = {str(name): float(value) for name, value in self._numbers().items()}
        return {name: value for name, value in numbers.items() if math.isfinite(value)}

    def gates(self, *asked: Gate | Mapping[str, Any]) -> list[dict[str, Any]]:
        """Return the gates of the run, or those that are asked for, with whether each holds.

        A number that is not known fails its gate.

        Raises
        ------
        ConfigError
            If a gate names nothing that was measured.
        """
        if not asked:
            return [dict(gate) for gate in self._checked()]
        return check_gates(gates_of(asked, Gate), self._figures())

    def to_html(self) -> str:
        """Return a self-contained page."""
        from rai_scale.reports.result import render_result

        made = self._on_page()
        return render_result(
            type(self).__name__,
            repr(self),
            {name: make() for name, make in made.items()},
            gates=self.gates(),
            notes=self._remarks(),
        )

    def save_html(self, path: str | Path) -> Path:
        """Write the page to a file, whole or not at all."""
        from rai_scale.reports.html import save_html

        return save_html(self.to_html(), path)

    def _repr_html_(self) -> str:
        # a notebook shows what this returns, and a traceback with values where it raises
        for make in (_framed, _preformatted):
            try:
                return make(self)
            except Exception:  # noqa: S112
                continue
        return f"<pre>{escape(type(self).__name__)}</pre>"

    def log_mlflow(self) -> None:
        """Log numbers and page to the active MLflow run.

        Raises
        ------
        MissingExtraError
            If MLflow is not installed.
        """
        log_to_mlflow(self.metrics(), self.to_html)

    def _on_page(self) -> Tables:
        """Return the tables of the page; those that name single rows are left out."""
        return self._all_tables()

    def _all_tables(self) -> Tables:
        return {**self._tables(), "metrics": partial(_metric_table, self)}


def _metric_table(result: Result) -> pd.DataFrame:
    numbers = result._numbers()
    return pd.DataFrame(
        {"metric": pd.Series(list(numbers), dtype=object), "value": [*map(float, numbers.values())]}
    )


def _framed(result: Result) -> str:
    page = escape(result.to_html(), quote=True)
    return f'<iframe srcdoc="{page}" style="width:100%;height:640px;border:0"></iframe>'


def _preformatted(result: Result) -> str:
    return f"<pre>{escape(result.summary())}</pre>"


def _said(value: Any) -> str:
    if isinstance(value, str | bool) or value is None:
        return str(value)
    if isinstance(value, list | tuple):
        return "/".join(map(str, value))
    return f"{value:,}" if isinstance(value, int) else f"{float(value):.6g}"


def log_to_mlflow(numbers: Mapping[str, float], page: Callable[[], str] | None) -> None:
    """Log numbers by name, and a page, to the active MLflow run.

    Raises
    ------
    MissingExtraError
        If MLflow is not installed.
    """
    from rai_scale.reports.html import save_html

    try:
        import mlflow
    except ImportError:
        raise MissingExtraError("mlflow", "mlflow") from None
    # MLflow takes no other characters in a name
    named = {re.sub(r"[^\w\-. /]", "_", name): value for name, value in numbers.items()}
    mlflow.log_metrics(named)
    if page is not None:
        with tempfile.TemporaryDirectory() as folder:
            mlflow.log_artifact(str(save_html(page(), Path(folder) / "report.html")))
