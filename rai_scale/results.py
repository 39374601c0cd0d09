"""The base of all results: text, tables, plain values, JSON, a page, gates, MLflow."""

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
    """Base class of results; a subclass defines its tables, its metrics and its sizes."""

    def _tables(self) -> Tables:
        """Return the functions that make the tables, by name; the first table is the default."""
        return {}

    def _numbers(self) -> Mapping[str, float]:
        """Return the metrics by name; NaN is a value that is not known."""
        return {}

    def _figures(self) -> Mapping[str, Sequence[Figure]]:
        """Return the numbers that gates judge, with bounds if there are any."""
        return {name: [Figure(float(value))] for name, value in self._numbers().items()}

    def _checked(self) -> Sequence[Mapping[str, Any]]:
        """Return the outcomes of the gates that were checked when the result was made."""
        return ()

    def _remarks(self) -> Sequence[str]:
        """Return notes for the reader."""
        return ()

    def totals(self) -> Mapping[str, Any]:
        """Return the sizes of the result, such as its number of rows; never a value of a row."""
        return {}

    def __repr__(self) -> str:
        sizes = ", ".join(f"{name}={_said(value)}" for name, value in self.totals().items())
        return f"{type(self).__name__}({sizes})"

    def summary(self) -> str:
        """Return a few lines of text: sizes, gates, the first metrics, notes, names of tables."""
        lines = [repr(self)]
        for gate in self.gates():
            holds = "holds" if gate["passed"] else "FAILS"
            lines.append(f"gate {gate['name']} {holds}: {gate['detail']}")
        numbers = [(name, value) for name, value in self._numbers().items()]
        lines += [f"{name}: {_said(value)}" for name, value in numbers[:METRICS_SAID]]
        if len(numbers) > METRICS_SAID:
            lines.append(f"and {len(numbers) - METRICS_SAID} more in metrics()")
        lines += self._remarks()
        return "\n".join([*lines, f"tables: {', '.join(self._all_tables())}"])

    def to_pandas(self, table: str | None = None) -> pd.DataFrame:
        """Return a table of the result.

        Parameters
        ----------
        table : str, optional
            Name of the table; :meth:`summary` lists them. By default the first.

        Returns
        -------
        pandas.DataFrame

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
        """Return the result as plain values; undefined numbers are None, infinite ones text."""
        tables = {name: plain(make()) for name, make in self._tables().items()}
        return {**plain(self.totals()), "metrics": plain(self._numbers()), **tables}

    def to_json(self) -> str:
        """Return the plain values of :meth:`to_dict` as JSON text."""
        return json_text(self.to_dict())

    def metrics(self) -> dict[str, float]:
        """Return the metrics by name, without values that are not known or infinite."""
        numbers = {str(name): float(value) for name, value in self._numbers().items()}
        return {name: value for name, value in numbers.items() if math.isfinite(value)}

    def gates(self, *asked: Gate | Mapping[str, Any]) -> list[dict[str, Any]]:
        """Return the outcomes of the given gates, or of the gates of the run.

        Parameters
        ----------
        *asked : :class:`~rai_scale.gates.Gate`, or mapping of its fields
            Without any, the gates that were checked when the result was made.

        Returns
        -------
        list of dict
            Per gate ``name``, ``metric``, ``passed``, ``judged_by``, ``above``, ``below``,
            ``value``, ``low``, ``high`` and ``detail``. A value that is not known fails its gate.

        Raises
        ------
        GateError
            If a gate names a metric that was not measured, or is malformed.
        """
        if not asked:
            return [dict(gate) for gate in self._checked()]
        return check_gates(gates_of(asked, Gate), self._figures())

    def to_html(self) -> str:
        """Return a self-contained HTML page."""
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
        """Write the page to a file atomically.

        Parameters
        ----------
        path : str or Path

        Returns
        -------
        Path
            The file that was written.
        """
        from rai_scale.reports.html import save_html

        return save_html(self.to_html(), path)

    def _repr_html_(self) -> str:
        # if this raised, a notebook would show a traceback that may hold values
        for make in (_framed, _preformatted):
            try:
                return make(self)
            except Exception:  # noqa: S112
                continue
        return f"<pre>{escape(type(self).__name__)}</pre>"

    def log_mlflow(self) -> None:
        """Log metrics and page to the active MLflow run.

        Raises
        ------
        MissingExtraError
            If MLflow is not installed.
        """
        log_to_mlflow(self.metrics(), self.to_html)

    def _on_page(self) -> Tables:
        """Return the tables of the page, without tables of single rows."""
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
    """Log metrics by name, and a page, to the active MLflow run.

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
    # the only characters that MLflow allows in a name
    named = {re.sub(r"[^\w\-. /]", "_", name): value for name, value in numbers.items()}
    mlflow.log_metrics(named)
    if page is not None:
        with tempfile.TemporaryDirectory() as folder:
            mlflow.log_artifact(str(save_html(page(), Path(folder) / "report.html")))
