"""Synthesize one coded table with one package, in the Python that has it.

    PYTHON benchmarks/synthetic_one.py smartnoise-mst in.npz out.npz

``synthetic_peers.py`` runs this. ``in.npz`` has ``codes`` (rows x columns, from 0), ``sizes``,
``rho`` and ``seed``; ``out.npz`` gets the ``codes`` of a sample of as many rows, and ``seconds``:
CPU and clock, of counting, fitting and sampling, without imports.
"""

from __future__ import annotations

import importlib
import sys
import time
from itertools import combinations

import numpy as np
import pandas as pd


def ours(frame: pd.DataFrame, sizes: list[int], rho: float, seed: int, **options) -> pd.DataFrame:
    from rai_scale.privacy import Privacy
    from rai_scale.synthetic import Values, synthesize

    names = list(frame.columns)
    domain = {n: Values(range(size), nullable=False) for n, size in zip(names, sizes, strict=True)}
    privacy = Privacy("person", rho=rho, ledger="none")
    people = frame.assign(person=range(len(frame)))
    made = synthesize(people, domain=domain, privacy=privacy, **options)
    return made.sample(len(frame), random_state=seed)


def smartnoise(frame: pd.DataFrame, sizes: list[int], rho: float, seed: int) -> pd.DataFrame:
    """It reads the labels from the table, which costs it nothing."""
    from snsynth import Synthesizer
    from snsynth.mst import mst

    mst.cdp_rho = lambda epsilon, delta: rho  # equal rho: its conversion of epsilon is tighter
    made = Synthesizer.create("mst", epsilon=1.0, delta=1e-6)
    made.fit(frame, categorical_columns=list(frame.columns), preprocessor_eps=0.0)
    return made.sample(len(frame))


def opendp(
    frame: pd.DataFrame,
    sizes: list[int],
    rho: float,
    seed: int,
    *,
    algorithm: str,
    scaled: bool = False,
) -> pd.DataFrame:
    """Code 0 is given as null, since null is a key of every column there.

    Its AIM weights a marginal by its overlap with the workload, and multiplies the penalty for
    noise by the largest weight as well: 234 for all triples of 14 columns. ``scaled`` makes that 1.
    """
    import opendp.prelude as dp
    import polars as pl

    dp.enable_features("contrib")
    names = list(frame.columns)
    keys = {n: [None, *range(1, size)] for n, size in zip(names, sizes, strict=True)}
    rows = pl.DataFrame({name: frame[name].to_numpy() for name in names})
    rows = rows.select(pl.when(pl.col(name) > 0).then(pl.col(name)).alias(name) for name in names)
    context = dp.Context.compositor(
        data=rows.lazy(),
        privacy_unit=dp.unit_of(contributions=1),
        privacy_loss=dp.loss_of(rho=rho),
    )
    rho *= 1 - 4e-12  # of the whole, thirteen thirteenths for MST's choices round up to too much
    query = context.query(rho=rho).select(*names)
    options = {}
    if algorithm == "AIM":
        triples = list(combinations(names, 3))
        overlap = sum(len({*triple} & {*triples[0]}) for triple in triples)
        options = {"queries": [dp.mbi.Count(by, 1 / overlap if scaled else 1) for by in triples]}
    chosen = getattr(dp.mbi, algorithm)(**options)
    table = query.contingency_table(keys=keys, algorithm=chosen).release()
    drawn = table.synthesize(len(frame), method="sample").select(pl.col(names).fill_null(0))
    return pd.DataFrame(drawn.to_numpy(), columns=names)


METHODS = {
    "ours-mst": (ours, {"method": "mst"}),
    "ours-aim": (ours, {"method": "aim"}),
    "ours-aim-3": (ours, {"method": "aim", "workload": 3}),
    "smartnoise-mst": (smartnoise, {}),
    "opendp-mst": (opendp, {"algorithm": "MST"}),
    "opendp-aim-3": (opendp, {"algorithm": "AIM"}),
    "opendp-aim-3-scaled": (opendp, {"algorithm": "AIM", "scaled": True}),
}
IMPORTS = {
    ours: ("rai_scale.synthetic.synthesis", "jax", "opendp.prelude", "mbi"),
    smartnoise: ("snsynth.mst.mst", "jax"),
    opendp: ("opendp.prelude", "polars", "jax", "mbi"),
}
"""What is loaded before the seconds are counted."""


def main() -> None:
    """Read a coded table, and write a sample of it and the seconds that it took."""
    method, given, result = sys.argv[1:]
    stored = np.load(given)
    frame = pd.DataFrame(stored["codes"]).rename(columns=lambda i: f"c{i}")
    seed = int(stored["seed"])
    np.random.seed(seed)  # what the other packages sample from
    function, options = METHODS[method]
    for name in IMPORTS[function]:
        importlib.import_module(name)
    cpu, clock = time.process_time(), time.perf_counter()
    made = function(frame, stored["sizes"].tolist(), float(stored["rho"]), seed, **options)
    seconds = [time.process_time() - cpu, time.perf_counter() - clock]
    np.savez(result, codes=made.to_numpy(dtype=np.int64), seconds=seconds)


if __name__ == "__main__":
    main()
