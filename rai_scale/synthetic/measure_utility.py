"""How like the table a synthetic table is, next to two rulers: another sample, and independence."""

from __future__ import annotations

import math
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from rai_scale.engines.choose import engine_of
from rai_scale.errors import ConfigError
from rai_scale.privacy.bounding import Sensitivity
from rai_scale.privacy.costs import Cost, Mechanism
from rai_scale.privacy.disclosure import one_message
from rai_scale.privacy.ledger.amounts import above_zero
from rai_scale.privacy.ledger.reservation import to_ipc
from rai_scale.privacy.noise import Noise, laplace_for
from rai_scale.privacy.options import Privacy
from rai_scale.records.canonical import idempotency_key
from rai_scale.results import Result, Tables
from rai_scale.statistics.contingency import cramers_v, spearman, total_variation
from rai_scale.synthetic.counting import Clique, check_frame, exact_marginals
from rai_scale.synthetic.domain import Domain
from rai_scale.synthetic.drawing import DrawRows
from rai_scale.synthetic.fitting import columns_alone
from rai_scale.synthetic.options import MAX_CELLS
from rai_scale.synthetic.synthesizer import Synthesizer
from rai_scale.synthetic.tree import Tree, independent

TRIPLES = 100
INTERNAL = (
    "Internal: these numbers were computed from the real rows without noise, and are not covered "
    "by the budget of the synthetic data. Do not publish them."
)
ASSOCIATIONS = ("cramers_v", "spearman")
"""Measures of pairs; the mean difference between both tables is a metric."""
_KINDS = ("synthetic", "independent")


@dataclass(frozen=True, repr=False)
class Utility(Result):
    """The total variation between the marginals of a table and those of other tables.

    Attributes
    ----------
    by_width : pandas.DataFrame
        One row per number of columns: ``columns``, ``marginals`` (how many are averaged), and the
        mean total variation of ``synthetic`` rows, of a bootstrap sample of the table (``floor``;
        NaN if paid for) and of ``independent`` columns.
    pairs : pandas.DataFrame
        One row per pair: ``columns``, ``synthetic``, ``floor``, ``independent``, and in both tables
        Cramer's V and, for numbers, dates and times, Spearman's correlation; empty if paid for.
    internal : bool
        Whether the numbers were computed from the real rows without noise.
    facts : dict
        For paid numbers: epsilon, the scale of the noise, the reservation.
    """

    by_width: pd.DataFrame
    pairs: pd.DataFrame
    internal: bool
    facts: Mapping[str, Any]

    def _numbers(self) -> Mapping[str, float]:
        found = {
            f"tv_{row['columns']}way.{kind}": float(row[kind])
            for row in self.by_width.to_dict("records")
            for kind in ("synthetic", "floor", "independent")
        }
        for name in ASSOCIATIONS if self.internal else ():
            gaps = (self.pairs[name] - self.pairs[f"{name}_synthetic"]).abs()
            found[f"{name}_gap"] = float(gaps.mean())
        return found

    def totals(self) -> Mapping[str, Any]:
        """Return whether the numbers are internal."""
        return {"internal": self.internal}

    @property
    def remarks(self) -> list[str]:
        """What a reader must know."""
        if self.internal:
            return [INTERNAL]
        scale = self.facts["scale"] / self.facts["rows"]
        return [f"Each number of utility has Laplace noise of scale {scale:.2g}."]

    def _remarks(self) -> Sequence[str]:
        return self.remarks

    def _tables(self) -> Tables:
        tables = {"by_width": lambda: self.by_width}
        return {**tables, "pairs": lambda: self.pairs} if self.internal else tables


def utility(
    frame: Any,
    made: Synthesizer,
    *,
    privacy_unit: str,
    privacy: Privacy | None = None,
    triples: int = TRIPLES,
    random_state: int = 0,
) -> Utility:
    """Compare the marginals of a table, of up to three columns, with those of a model; executes.

    One sample of the model, with as many rows as the table, is compared with the bounded rows of
    the table: at most ``max_rows`` of the synthesis per privacy unit. The *floor* is what a
    bootstrap sample of the table itself would have. *Independent* is a sample of as many rows with
    independent columns of the true distributions, or, if paid for, of the measured ones.

    Parameters
    ----------
    frame : DataFrame of pandas, Dask or Spark, DuckDB relation, pyarrow.Table
        The table that the model was made from, or other rows of the same kind.
    made : Synthesizer
    privacy_unit : str
        The column that identifies a person.
    privacy : Privacy, optional
        With an epsilon, the averages are released with Laplace noise and charged. Without it, the
        numbers are exact and marked internal.
    triples : int
        How many combinations of three columns are drawn at random; 0 for none.
    random_state : int
        Of the sample, the bootstrap and the combinations.

    Returns
    -------
    Utility

    Raises
    ------
    ConfigError
        If the table does not fit the domain of the model, or the budget is not a pure epsilon.
    BudgetExceededError
        Before any row is read.
    """
    domain, engine = made.domain, engine_of(frame)
    checked = check_frame(engine, frame, domain, privacy_unit)
    cliques = _cliques(made, triples, random_state)
    max_rows = int(made.facts["max_rows"])

    def counted() -> dict[Clique, np.ndarray]:
        return exact_marginals(
            engine,
            checked,
            domain,
            cliques,
            unit=privacy_unit,
            max_rows=max_rows,
            seed=secrets.randbits(63),
        )

    if privacy is None:
        return _internal(counted(), made, random_state)
    return _paid(counted, made, privacy, cliques, random_state)


def _cliques(made: Synthesizer, triples: int, random_state: int) -> list[Clique]:
    columns = range(len(made.domain.names))
    small = [c for c in combinations(columns, 3) if made.domain.cells(c) <= MAX_CELLS]
    rng = np.random.default_rng(random_state)
    chosen = sorted(rng.permutation(len(small))[:triples])
    pairs = [c for c in combinations(columns, 2) if made.domain.cells(c) <= MAX_CELLS]
    return [*((i,) for i in columns), *pairs, *(small[k] for k in chosen)]


def _internal(counts: Mapping[Clique, np.ndarray], made: Synthesizer, random_state: int) -> Utility:
    rows = int(counts[(0,)].sum())
    if not rows:
        raise ConfigError("the table has no rows that fit the domain, so nothing is compared.")
    sampled = _sample_counts(made.tree, made.domain, list(counts), rows, random_state)
    rng = np.random.default_rng(random_state)
    singles = [counts[(i,)].astype(float) for i in range(len(made.domain.names))]
    tree = independent(singles, rows)
    alone = _sample_counts(tree, made.domain, list(counts), rows, random_state)
    found = []
    for clique, real in counts.items():
        drawn = rng.multinomial(rows, (real / rows).reshape(-1)).reshape(real.shape)
        pair = len(clique) == 2  # noqa: PLR2004
        found.append(
            {
                "width": len(clique),
                "columns": made.domain.named(clique),
                "synthetic": total_variation(real, sampled[clique]),
                "floor": total_variation(real, drawn),
                "independent": total_variation(real, alone[clique]),
                "cramers_v": cramers_v(real) if pair else math.nan,
                "cramers_v_synthetic": cramers_v(sampled[clique]) if pair else math.nan,
                "spearman": _spearman(made.domain, clique, real),
                "spearman_synthetic": _spearman(made.domain, clique, sampled[clique]),
            }
        )
    table = pd.DataFrame(found)
    grouped = table.groupby("width", sort=True)
    means = grouped[["synthetic", "floor", "independent"]].mean()
    means.insert(0, "marginals", grouped.size())
    by_width = means.reset_index().rename(columns={"width": "columns"})
    pairs = table[table["width"] == 2].drop(columns="width").reset_index(drop=True)  # noqa: PLR2004
    return Utility(by_width, pairs, True, {})


def _paid(
    counted: Any,
    made: Synthesizer,
    privacy: Privacy,
    cliques: Sequence[Clique],
    random_state: int,
) -> Utility:
    """Release the averages with noise: a unit moves each by at most its rows."""
    if privacy.epsilon is None:
        raise ConfigError("the utility of a synthesis is paid for in epsilon, not in rho.")
    epsilon = above_zero(privacy.epsilon, "epsilon")
    rows, max_rows = max(1, round(made.total)), int(made.facts["max_rows"])
    widths = sorted({len(clique) for clique in cliques})
    names = [(width, kind) for width in widths for kind in _KINDS]
    moved = max_rows + 1  # one for the rounding to integers
    each = Sensitivity(1, moved, moved, moved**2)
    noise = laplace_for(each, epsilon / len(names))
    mechanism = Mechanism("discrete_laplace", noise.scale, moved, len(names))
    cost = Cost("utility of synthetic data", epsilon, mechanism=mechanism)
    trees = {"synthetic": made.tree, "independent": columns_alone(made.measured, rows)}
    others = {
        name: _sample_counts(tree, made.domain, cliques, rows, random_state)
        for name, tree in trees.items()
    }

    def distances() -> np.ndarray:
        counts = counted()
        exact = [
            np.mean([np.abs(counts[c] - others[k][c]).sum() for c in cliques if len(c) == width])
            for width, k in names
        ]
        return _noisy(noise, exact)

    def compute() -> tuple[bytes, dict[str, Any]]:
        table = pa.table({"distance": one_message(distances)})
        return to_ipc(table), {"epsilon": float(epsilon), "scale": noise.scale, "rows": rows}

    query = f"utility of synthetic data {made.facts['reservation']}"
    asked = {"epsilon": epsilon, "random_state": random_state, "marginals": len(cliques)}
    key = idempotency_key(query, None, asked, privacy.snapshot)
    release = privacy.release(compute, costs=[cost], key=key, query=query)
    values = release.table()["distance"].to_numpy() / (2 * rows)
    found = dict(zip(names, np.clip(values, 0, 1), strict=True))
    by_width = pd.DataFrame(
        {
            "columns": widths,
            "marginals": [sum(len(c) == width for c in cliques) for width in widths],
            "synthetic": [found[width, "synthetic"] for width in widths],
            "floor": math.nan,
            "independent": [found[width, "independent"] for width in widths],
        }
    )
    facts = {**release.metadata, "reservation": release.reservation}
    return Utility(by_width, pd.DataFrame(), False, facts)


def _noisy(noise: Noise, exact: Sequence[Any]) -> np.ndarray:
    """Return distances as integers with noise."""
    return noise.draw(np.floor(np.array(exact, dtype=float)).astype(np.int64))


def _sample_counts(
    tree: Tree, domain: Domain, cliques: Sequence[Clique], rows: int, random_state: int
) -> dict[Clique, np.ndarray]:
    """Count one sample of a model."""
    found = {c: np.zeros(domain.cells(c), np.int64) for c in cliques}
    draw, step = DrawRows(tree, domain, random_state), 1_000_000
    for start in range(0, rows, step):
        numbers = np.arange(start, min(rows, start + step), dtype=np.uint64)
        codes = draw.codes(numbers)
        for clique in cliques:
            cells = np.ravel_multi_index([codes[i] for i in clique], domain.shape(clique))
            found[clique] += np.bincount(cells, minlength=domain.cells(clique))
    return {c: counts.reshape(domain.shape(c)) for c, counts in found.items()}


def _spearman(domain: Domain, clique: Clique, counts: np.ndarray) -> float:
    """Return Spearman's correlation of a pair of ordered columns, without nulls; else NaN."""
    declared = [domain.columns[i][1] for i in clique]
    if len(clique) != 2 or not all(one.ordered for one in declared):  # noqa: PLR2004
        return math.nan
    return spearman(counts[tuple(slice(one.size - one.nullable) for one in declared)])
