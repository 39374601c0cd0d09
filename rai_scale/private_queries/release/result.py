"""The result of a release: its noise is drawn once, and it can be shown any number of times."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from rai_scale.errors import check_share
from rai_scale.gates import Figure
from rai_scale.privacy.costs import spent
from rai_scale.privacy.ledger.reservation import Release
from rai_scale.private_queries.query.aggregates import ResultColumn
from rai_scale.private_queries.query.trees import bound, nodes
from rai_scale.private_queries.release.draw import released_values
from rai_scale.private_queries.release.intervals import Bounds, Intervals, NoisyNumbers
from rai_scale.private_queries.release.noise_plan import NoisyColumn
from rai_scale.private_queries.release.plan import QueryPlan
from rai_scale.results import Result, Tables
from rai_scale.statistics.json_values import plain, records
from rai_scale.upstream.smartnoise import ast

_ALPHA = 0.05
PER_ROW = "per row, see intervals()"


class PrivateRelease(Result):
    """A private result: computed once, the same whenever it is shown.

    Attributes
    ----------
    arrow : bytes
        The stored noisy aggregates, an Arrow IPC stream.
    facts : dict
        Public facts of the release.
    reservation : str
        Id of the charge in the ledger.
    columns_info : pandas.DataFrame
        One row per column of the result: ``column``; ``made_of`` (the noisy numbers it is computed
        from, ``group`` or ``constant``); ``epsilon``, ``delta`` and ``rho`` of these numbers
        together (missing if the budget does not state it: rho of Laplace noise, epsilon of a budget
        in rho that is not converted); ``mechanism``; and of a column that is one noisy number
        ``noise_scale``, ``half_width_95`` (the exact value of the bounded data is within this
        distance in 95 of 100 releases) and ``grid``. These three are missing for AVG, VAR, STDDEV
        and arithmetic, whose noise differs from row to row. ``interval`` is where to find an
        interval: ``half_width_95``, ``per row, see intervals()`` or ``none``.
    """

    def __init__(
        self, stored: Release, plan: QueryPlan, about: Mapping[str, str | None] | None = None
    ) -> None:
        self.arrow = stored.arrow
        self.facts = dict(stored.metadata)
        self.reservation = stored.reservation
        self._plan, self._about = plan, dict(about or {})
        self._noisy = stored.table()
        self._frame, self._rows = self._answered(self._noisy)
        self.columns_info = self._info()

    def totals(self) -> dict[str, Any]:
        """Return how many rows and columns there are."""
        return {"rows": len(self._frame), "columns": len(self._frame.columns)}

    def _tables(self) -> Tables:
        found = {"result": self._frame.copy, "columns": self.columns_info.copy}
        return {**found, "intervals": self.intervals}

    def intervals(self, alpha: float = _ALPHA, *, shown: bool = False) -> pd.DataFrame:
        """Return a confidence interval for each number, also for AVG, VAR, STDDEV and arithmetic.

        Each interval contains the exact value of the bounded data, on the grid, with probability at
        least ``1 - alpha``. It is computed from the released numbers and costs nothing. An interval
        of an average does not apply to a group without values.

        Parameters
        ----------
        alpha : float
            Above 0 and below 1.
        shown : bool
            Only the rows of :meth:`to_pandas`, in their order.

        Returns
        -------
        pandas.DataFrame
            The groups' columns, then ``<column>_low`` and ``<column>_high`` (float64); one row per
            group that was released, before HAVING, ORDER BY and LIMIT. Missing where
            an expression has more than ``+ - * /``, increasing functions (SQRT, LN, LOG, LOG10,
            LOG2, EXP, ATAN, DEGREES, CEIL, FLOOR, SIGN, ROUND), ABS, SQUARE and POWER with positive
            integer exponents.

        Raises
        ------
        ConfigError
            If alpha is not a probability.
        """
        check_share("alpha", alpha)
        table, noisy = self._noisy, self._noisy_numbers()
        names = self._plan.group_names
        found: dict[str, Any] = {n: table[f"k{i}"].to_pylist() for i, n in enumerate(names)}
        for output in self._plan.shape.outputs:
            if output.parts:
                bounds = self._bounds(output, noisy, alpha)
                low, high = (np.array(np.nan),) * 2 if bounds is None else bounds
                found[f"{output.name}_low"] = np.broadcast_to(low, table.num_rows)
                found[f"{output.name}_high"] = np.broadcast_to(high, table.num_rows)
        frame = pd.DataFrame(found, index=range(table.num_rows))
        return frame.iloc[self._rows].reset_index(drop=True) if shown else frame

    def _numbers(self) -> dict[str, float]:
        """Return epsilon, delta and rho of the release, if it has them, and its number of rows."""
        cost = spent(self._plan.budgeted.costs)
        known = {measure: amount for measure, amount in cost.items() if amount is not None}
        return {**known, "rows": float(len(self._frame))}

    def _figures(self) -> Mapping[str, Sequence[Figure]]:
        """Return also the noisy values of each column with their intervals, one per row."""
        frame, bounds = self._frame, self.intervals(shown=True)
        names = [output.name for output in self._plan.shape.outputs if output.parts]
        groups = [name for name in frame if name not in names]
        places = frame[groups].astype(str).to_dict("records")
        at = [", ".join(f"{name} = {value}" for name, value in place.items()) for place in places]
        found = dict(super()._figures())
        for name in names:
            values = pd.to_numeric(frame[name], errors="coerce").astype(float)
            ends = (bounds[f"{name}_{end}"].astype(float) for end in ("low", "high"))
            numbers = zip(values, *ends, at, strict=True)
            found[name] = [Figure(value, low, high, at=at) for value, low, high, at in numbers]
        return found

    def to_dict(self) -> dict[str, Any]:
        """Return the result, its columns' noise and the public facts as plain values."""
        return {
            "result": {str(n): plain(self._frame[n]) for n in self._frame},
            "columns": self.columns(),
            "facts": self.facts,
        }

    def columns(self) -> list[dict[str, Any]]:
        """Return ``columns_info`` as plain values."""
        return records(self.columns_info)

    def shown(self, limit: int) -> dict[str, Any]:
        """Return the first rows for a page: values, intervals, and the number of further rows.

        ``intervals`` has a pair or None per value: a pair if the interval differs by row.
        """
        table = pa.Table.from_pandas(self._frame.head(limit), preserve_index=False)
        bounds = self.intervals(shown=True).head(limit)
        pairs = [
            [None] * table.num_rows
            if where != PER_ROW
            else [list(pair) for pair in zip(bounds[f"{n}_low"], bounds[f"{n}_high"], strict=True)]
            for n, where in zip(self._frame, self.columns_info["interval"], strict=True)
        ]
        return {
            "rows": [list(row.values()) for row in table.to_pylist()],
            "intervals": [list(row) for row in zip(*pairs, strict=True)],
            "more": max(0, len(self._frame) - limit),
        }

    def to_html(self) -> str:
        """Return the release as a self-contained page: values, intervals and their cost."""
        from rai_scale.reports.private_sql import render_private_sql

        cost = spent(self._plan.budgeted.costs)
        columns = self._plan.budgeted.columns
        release = {
            **{"name": "result", "query": self._plan.parsed.text, "columns": self.columns()},
            **{**cost, "table": "to_pandas()"},
            **self.facts,
            **self.shown(50),
        }
        return render_private_sql(
            {
                "title": "Private table",
                "run": {
                    "run_id": self.reservation,
                    "engine": self._about.get("engine"),
                    "status": "ok",
                },
                "settings": {
                    "scope": self._about.get("scope"),
                    "analyst": self._about.get("analyst"),
                    "mechanism": columns[0].noise.kind,
                    **cost,
                },
                "releases": [release],
                "limits": None,
                "notes": [],
            }
        )

    def _answered(self, noisy: pa.Table) -> tuple[pd.DataFrame, list[int]]:
        plan = self._plan
        place = {a: i for i, a in enumerate(plan.aggregates)}
        columns: list[list[Any]] = []
        for _, item in plan.shape.inner:
            if isinstance(item, int):
                columns.append(noisy[f"k{item}"].to_pylist())
                continue
            at = place[plan.same[item]]
            values = released_values(plan.budgeted.columns[at], noisy[f"a{at}"].to_numpy())
            columns.append(values.tolist())
        return plan.shape.answer.frame(columns, noisy.num_rows)

    def _info(self) -> pd.DataFrame:
        plan = self._plan
        place = dict(zip(plan.aggregates, plan.budgeted.columns, strict=True))
        noisy = self._noisy_numbers()
        rows = []
        for output in plan.shape.outputs:
            made_of = list(dict.fromkeys(plan.same[a] for a in output.parts))
            parts = [place[a] for a in made_of]
            group = not parts and _reads(output)
            row: dict[str, Any] = {
                "column": output.name,
                "made_of": ", ".join(a.label for a in made_of) or ["constant", "group"][group],
                "epsilon": _sum([p.epsilon for p in parts]),
                "delta": float(sum(p.delta for p in parts)) + (self._threshold() if group else 0.0),
                "rho": _sum([p.rho for p in parts]),
                "mechanism": f"discrete {parts[0].noise.kind}" if parts else "none",
            }
            if group and plan.budgeted.threshold is not None:
                row["mechanism"] = "threshold"
            single = _single(parts if output.direct else [])
            row["interval"] = "half_width_95" if parts and output.direct else "none"
            if parts and not output.direct and self._bounds(output, noisy, _ALPHA) is not None:
                row["interval"] = PER_ROW
            rows.append({**row, **single})
        return pd.DataFrame(rows)

    def _noisy_numbers(self) -> dict[str, NoisyNumbers]:
        plan = self._plan
        place = {a: i for i, a in enumerate(plan.aggregates)}
        found = {}
        for name, item in plan.shape.inner:
            if not isinstance(item, int):
                at = place[plan.same[item]]
                column = plan.budgeted.columns[at]
                values = released_values(column, self._noisy[f"a{at}"].to_numpy())
                found[bound(name)] = NoisyNumbers(column, values)
        return found

    def _bounds(
        self, output: ResultColumn, noisy: Mapping[str, NoisyNumbers], alpha: float
    ) -> Bounds | None:
        parts = len({self._plan.same[a] for a in output.parts})
        return Intervals(noisy, alpha / parts, self._plan.parsed.facts).of(output.tree)

    def _threshold(self) -> float:
        """Return the delta of naming groups."""
        return float(self.facts.get("threshold_delta", 0.0))


def _reads(output: ResultColumn) -> bool:
    return any(isinstance(node, ast.Column) for node in nodes(output.tree))


def _sum(amounts: list[Fraction | None]) -> float:
    return math.nan if None in amounts else float(sum(a for a in amounts if a is not None))


def _single(parts: list[NoisyColumn]) -> Mapping[str, float]:
    if len(parts) != 1:
        return {"noise_scale": np.nan, "half_width_95": np.nan, "grid": np.nan}
    part = parts[0]
    return {
        "noise_scale": part.noise.scale * part.step,
        "half_width_95": part.half_width(_ALPHA),
        "grid": part.step,
    }
