"""``synthesize``: a model of a table from noisy marginals, released once."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal, overload

import numpy as np
import pyarrow as pa

from rai_scale.engines.choose import engine_of
from rai_scale.errors import ConfigError
from rai_scale.privacy.disclosure import one_message
from rai_scale.privacy.ledger.reservation import Release, to_ipc
from rai_scale.privacy.options import Privacy
from rai_scale.privacy.release_budget import given_amounts
from rai_scale.records.canonical import idempotency_key
from rai_scale.synthetic.adaptive import aim, mwem
from rai_scale.synthetic.counting import check_frame, exact_marginals
from rai_scale.synthetic.domain import Domain
from rai_scale.synthetic.measuring import Measured, Session
from rai_scale.synthetic.methods import fixed, mst
from rai_scale.synthetic.options import MAX_CELLS, MAX_MODEL_MB, Method, Options
from rai_scale.synthetic.planning import Plan, plan_of
from rai_scale.synthetic.private_domain import SHARE, private_domain
from rai_scale.synthetic.synthesizer import Synthesizer, loaded_domain, stored_domain

_METHODS: dict[str, Callable[[Session, Options], None]] = {
    "fixed": fixed,
    "mst": mst,
    "aim": aim,
    "mwem": mwem,
}
_WHICH, _NOISY = "rai_measurement", "noisy_count"


@overload
def synthesize(
    frame: Any,
    *,
    domain: Mapping[str, Any] | str,
    privacy: Privacy,
    columns: Sequence[str] | None = ...,
    method: Method = ...,
    max_rows: int = ...,
    workload: int | Sequence[Sequence[str]] = ...,
    max_model_mb: float = ...,
    max_cells: int = ...,
    rounds: int | None = ...,
    constraints: Sequence[Mapping[str, Any]] = ...,
    domain_share: float = ...,
    plan_only: Literal[False] = ...,
) -> Synthesizer: ...


@overload
def synthesize(
    frame: Any,
    *,
    domain: Mapping[str, Any] | str,
    privacy: Privacy,
    columns: Sequence[str] | None = ...,
    method: Method = ...,
    max_rows: int = ...,
    workload: int | Sequence[Sequence[str]] = ...,
    max_model_mb: float = ...,
    max_cells: int = ...,
    rounds: int | None = ...,
    constraints: Sequence[Mapping[str, Any]] = ...,
    domain_share: float = ...,
    plan_only: Literal[True],
) -> Plan: ...


def synthesize(
    frame: Any,
    *,
    domain: Mapping[str, Any] | str,
    privacy: Privacy,
    columns: Sequence[str] | None = None,
    method: Method = "mst",
    max_rows: int = 1,
    workload: int | Sequence[Sequence[str]] = 2,
    max_model_mb: float = MAX_MODEL_MB,
    max_cells: int = MAX_CELLS,
    rounds: int | None = None,
    constraints: Sequence[Mapping[str, Any]] = (),
    domain_share: float = SHARE,
    plan_only: bool = False,
) -> Synthesizer | Plan:
    """Make a private model of a table, from which any number of synthetic rows can be drawn.

    Counts of combinations of columns are made on the engine, over at most ``max_rows`` rows per
    privacy unit; noise is added once, and a graphical model is fitted to the noisy counts. The
    noise is discrete Gaussian (Canonne, Kamath and Steinke 2020), choices are made by noisy max,
    and all composes under zCDP. Neighbouring tables differ in all rows of one privacy unit.

    Parameters
    ----------
    frame : DataFrame of pandas, Dask or Spark, DuckDB relation, pyarrow.Table
    domain : mapping of str to Values, Bins, mapping, sequence or "private", or "private"
        The values or the bins of each column, from public knowledge. Values and edges of a column
        that is "private" are found in the rows, with a part of the budget: values that many people
        have (up to 50; all others are ``other``), or about ten bins with equal numbers of rows.
    privacy : Privacy
        The privacy unit, its budget, and where it is charged. The budget is charged before any row
        is read, and nothing else is spent, whatever is drawn from the model later.
    columns : sequence of str, optional
        The columns to synthesize; by default all of ``domain``.
    method : {"mst", "aim", "mwem", "fixed"}
        ``fixed`` measures all columns and the workload. ``mst`` measures the columns, and pairs
        that connect them like a tree (McKenna, Miklau and Sheldon 2021). ``aim`` measures in rounds
        what the model fits worst (McKenna, Mullins, Sheldon and Miklau 2022), and ``mwem`` does so
        with equal budgets for its rounds (Hardt, Ligett and McSherry 2012, with a graphical model).
    max_rows : int
        The most rows of a privacy unit that are counted, chosen by a keyed hash.
    workload : int or sequence of sequences of str
        The combinations of columns that matter: all of this many columns, or a list.
    max_model_mb : float
        The largest model that ``aim`` and ``mwem`` may fit, in megabytes.
    max_cells : int
        Combinations with more cells are not counted; ``fixed`` refuses them.
    rounds : int, optional
        The number of rounds of ``mwem`` (by default one per column), or the number of rounds
        among which ``aim`` divides its budget at first (by default 1.5 per column); it takes fewer
        if noise hides the errors earlier.
    constraints : sequence of mapping
        Combinations that cannot occur: ``{"columns": [names], "invalid": [[a value per column]]}``,
        with the label of a bin for binned columns. They must be public knowledge.
    domain_share : float
        The share of the budget that finds private values and edges.
    plan_only : bool
        Return what would be done and charged, without reading the data.

    Returns
    -------
    Synthesizer or Plan

    Raises
    ------
    ConfigError
        If an option or the domain is invalid, or a column's type does not fit; nothing is charged.
    BudgetExceededError
        Before any row is read.
    PrivateComputationError
        If the engine fails on the data; the message is always the same.
    """
    plan = plan_of(
        domain=domain,
        privacy=privacy,
        columns=columns,
        method=method,
        workload=workload,
        max_rows=max_rows,
        max_model_mb=max_model_mb,
        max_cells=max_cells,
        rounds=rounds,
        constraints=constraints,
        domain_share=domain_share,
    )
    if isinstance(frame, Mapping | list | tuple):
        raise ConfigError(
            "synthesize makes one table. Several linked tables are not supported: a person's rows "
            "in one would not fit those in the other. Synthesize each on its own, or join them to "
            "one table with a row per privacy unit."
        )
    declared, options = plan.domain, plan.options
    engine, unit = engine_of(frame), privacy.unit
    checked = check_frame(engine, frame, declared, unit)
    if plan_only:
        return plan

    def measured() -> tuple[Domain, list[Measured]]:
        known, spending = declared, plan.spending
        if declared.private:
            known = private_domain(
                engine,
                checked,
                declared,
                unit=unit,
                max_rows=options.max_rows,
                rho=spending.domain_rho,
                delta=spending.domain_delta,
            )
        chosen = plan.found(known)
        # each release has another hash key
        seed = secrets.randbits(63)
        counts = exact_marginals(
            engine,
            checked,
            known,
            chosen.counted(known),
            unit=unit,
            max_rows=options.max_rows,
            seed=seed,
        )
        session = Session(known, spending.rho, options.max_rows, counts)
        _METHODS[options.method](session, chosen)
        return known, session.measured

    return _synthesizer(plan, _release(plan, privacy, measured))


def _release(
    plan: Plan, privacy: Privacy, measured: Callable[[], tuple[Domain, list[Measured]]]
) -> Release:
    options, domain = plan.options, plan.domain
    asked: dict[str, Any] = {
        "method": options.method,
        "workload": [list(clique) for clique in options.workload],
        "max_rows": options.max_rows,
        "max_model_mb": float(options.max_model_mb),
        "rounds": options.rounds,
        "zeros": [[list(clique), rows.tolist()] for clique, rows in options.zeros],
        "dataset": privacy.dataset,
    }
    amounts = given_amounts(privacy)
    asked |= amounts
    if domain.private:
        asked |= {"domain_share": plan.totals()["domain_share"]}
    query = f"synthetic data of {', '.join(domain.names)} per {privacy.unit}"

    def compute() -> tuple[bytes, dict[str, Any]]:
        known, found = one_message(measured)
        which = np.repeat(np.arange(len(found), dtype=np.int32), [m.values.size for m in found])
        values = np.concatenate([m.values for m in found])
        table = pa.table({_WHICH: which, _NOISY: values})
        made = [[list(one.clique), one.sigma] for one in found]
        spent = {name: None if v is None else float(v) for name, v in amounts.items()}
        kept: dict[str, Any] = {name: asked[name] for name in ("method", "max_rows", "dataset")}
        if domain.private:
            kept |= {"private": list(domain.private), "domain": stored_domain(known)}
            kept |= {"domain_share": plan.totals()["domain_share"]}
        return to_ipc(table), {"measured": made, **spent, **kept}

    key = idempotency_key(query, domain.to_dict(), asked, privacy.snapshot)
    return privacy.release(compute, costs=plan.spending.costs, key=key, query=query)


def _synthesizer(plan: Plan, release: Release) -> Synthesizer:
    made = release.metadata["measured"]
    table = release.table()
    which, values = table[_WHICH].to_numpy(), table[_NOISY].to_numpy()
    measured = tuple(
        Measured(tuple(clique), values[which == at].astype(np.int64), float(sigma))
        for at, (clique, sigma) in enumerate(made)
    )
    inside = ("measured", "domain")
    facts = {name: value for name, value in release.metadata.items() if name not in inside}
    rho = plan.spending.rho + plan.spending.domain_rho
    facts |= {"rho": float(rho), "reservation": release.reservation}
    known = loaded_domain(release.metadata["domain"]) if plan.domain.private else plan.domain
    return Synthesizer(known, measured, plan.options.zeros, facts)
