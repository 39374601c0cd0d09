"""Other packages' synthetic tables next to this one's, at equal rho, on one coded table.

    python benchmarks/synthetic_peers.py --smartnoise SN/bin/python --opendp DP/bin/python

Each package has an environment of its own, and every synthesis a process of its own
(``synthetic_one.py``). The table is credit, 30,000 x 14, coded as in ``synthetic.py``; rho is that
of epsilon 1 and delta 1e-6 (Bun and Steinke 2016). The environments:

    python -m venv SN && SN/bin/pip install smartnoise-synth==1.0.8 jax==0.10.2
    python -m venv DP && DP/bin/pip install "opendp[mbi,polars]==0.14.2" jax==0.6.2 "pandas<3"

(smartnoise-synth imports PyTorch, which its MST does not use, so the smallest build is enough; with
pip's newest jax OpenDP's mbi 1.0.0 does not run, and with pandas 3 it draws no rows.) Needs the
folder of reference data (RAI_SCALE_REFERENCE_DATA). Samples are kept under ``out/synthetic_peers``,
and what is there is not made again. OpenDP's AIM takes 5 minutes per seed, and 20 with scaled
weights.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from fractions import Fraction
from itertools import combinations
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
from synthetic import DELTA, credit

from rai_scale.privacy.noise import rho_for
from rai_scale.statistics.contingency import total_variation
from rai_scale.synthetic.domain import declare

ROOT = Path(__file__).resolve().parents[1]
OUT = ROOT / "out" / "synthetic_peers"
METHODS = {
    "smartnoise": ("smartnoise-mst", "ours-mst", "ours-aim"),
    "opendp": ("opendp-mst", "opendp-aim-3", "opendp-aim-3-scaled", "ours-mst", "ours-aim-3"),
}
RATIOS = (
    ("ours-mst", "smartnoise-mst", "2-way", 1 / 3),
    ("ours-aim", "smartnoise-mst", "2-way", 1 / 3),
    ("ours-mst", "smartnoise-mst", "CPU", 1 / 4),
    ("ours-mst", "smartnoise-mst", "clock", 1 / 4),
    ("ours-aim-3", "opendp-aim-3", "3-way", 1.05),
    ("ours-aim-3", "opendp-aim-3-scaled", "3-way", 1.05),
)
"""Two methods, what is compared, and the most that the ratio may be."""


def write_tables(seeds: int) -> np.lib.npyio.NpzFile:
    """Write the coded table once per seed; return it."""
    frame, declared = credit()
    domain = declare(None, declared)
    columns = [one.codes(pa.chunked_array([frame[name]])) for name, one in domain.columns]
    rho = float(rho_for(Fraction(1), Fraction(DELTA)))
    OUT.mkdir(parents=True, exist_ok=True)
    for seed in range(seeds):
        codes = np.stack(columns, axis=1)
        np.savez(OUT / f"in-{seed}.npz", codes=codes, sizes=domain.sizes, rho=rho, seed=seed)
    return np.load(OUT / "in-0.npz")


def sample(method: str, seed: int, python: str) -> np.lib.npyio.NpzFile:
    """Return the sample of a method, made if it is missing."""
    path = OUT / f"{method}-{seed}.npz"
    if not path.exists():
        script = ROOT / "benchmarks" / "synthetic_one.py"
        command = [python, "-W", "ignore", script, method, OUT / f"in-{seed}.npz", path]
        own = {"PYTHONPATH": str(ROOT)} if method.startswith("ours") else {"PYTHONPATH": ""}
        subprocess.run(command, check=True, env={**os.environ, **own}, stdout=sys.stderr)
    return np.load(path)


def distance(real: np.ndarray, made: np.ndarray, sizes: np.ndarray, width: int) -> float:
    """Return the mean total variation of all marginals of so many columns."""
    found = []
    for clique in combinations(range(len(sizes)), width):
        shape = [sizes[i] for i in clique]
        counts = [
            np.bincount(
                np.ravel_multi_index([codes[:, i] for i in clique], shape),
                minlength=int(np.prod(shape)),
            )
            for codes in (real, made)
        ]
        found.append(total_variation(*counts))
    return float(np.mean(found))


def measured(methods: dict[str, str], seeds: int) -> pd.DataFrame:
    """Return one row per method and seed; the methods take turns, so that load is shared."""
    table = write_tables(seeds)
    rows = []
    for seed in range(seeds):
        for method, python in methods.items():
            made = sample(method, seed, python)
            given = (table["codes"], made["codes"], table["sizes"])
            two, three = distance(*given, 2), distance(*given, 3)
            cpu, clock = made["seconds"]
            rows.append(
                {"method": method, "2-way": two, "3-way": three, "CPU": cpu, "clock": clock}
            )
    return pd.DataFrame(rows)


def claims(found: pd.DataFrame) -> dict[str, tuple[float, float]]:
    """Return what is claimed of the methods that were run: a number, and the most it may be."""
    mean, error = found.groupby("method").mean(), found.groupby("method")["2-way"].sem()
    made = {}
    for one, other, measure, most in RATIOS:
        if {one, other} <= {*mean.index}:
            made[f"{measure}: {one} / {other}"] = (mean[measure][one] / mean[measure][other], most)
    one, other = "ours-mst", "opendp-mst"
    if {one, other} <= {*mean.index}:
        worse = mean["2-way"][one] - mean["2-way"][other]
        name = f"2-way: ({one} - {other}) / standard error"
        made[name] = (worse / float(np.hypot(error[one], error[other])), 2)
    return made


def main() -> int:
    """Compare with the packages whose Python is given; return 1 if a claim does not hold."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    for package in METHODS:
        parser.add_argument(f"--{package}", metavar="PYTHON")
    parser.add_argument("--methods", nargs="+", help="these only")
    parser.add_argument("--seeds", type=int, default=5)
    options = vars(parser.parse_args())
    methods = {}
    for package, names in METHODS.items():
        if options[package]:
            for name in names:
                methods[name] = sys.executable if name.startswith("ours") else options[package]
    if options["methods"]:
        methods = {name: methods[name] for name in methods if name in options["methods"]}
    if not methods:
        parser.error("name the Python of at least one package.")
    found = measured(methods, options["seeds"])
    print("| method | 2-way | 3-way | CPU seconds | clock |\n| --- | ---: | ---: | ---: | ---: |")
    for name, rows in found.groupby("method", sort=False):
        mean, error = rows.drop(columns="method").mean(), rows["2-way"].sem()
        print(
            f"| {name} | {mean['2-way']:.4f} +- {error:.4f} | {mean['3-way']:.4f} +- "
            f"{rows['3-way'].sem():.4f} | {mean['CPU']:.0f} | {mean['clock']:.0f} |"
        )
    print("\n| claim | found | at most | holds |\n| --- | ---: | ---: | --- |")
    good = True
    for claim, (value, most) in claims(found).items():
        good &= bool(value <= most)
        print(f"| {claim} | {value:.3f} | {most:.3f} | {'yes' if value <= most else 'NO'} |")
    return int(not good)


if __name__ == "__main__":
    sys.exit(main())
