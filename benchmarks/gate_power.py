"""How often a gate on the greatest difference of selection rates fails: fair and unfair models.

    python benchmarks/gate_power.py --simulations 1000 --replicates 1000

Each simulation draws a table of equal groups, all with one rate but the last, whose rate is apart
by the true difference, and judges it by the point estimate, by the lower bound of the max-T band
and by the lower end of the percentile bootstrap interval of max - min. The bootstrap resamples the
table's cells. Of a fair model every failure is false; of others the share of failures is the power.
"""

from __future__ import annotations

import argparse
from itertools import product

import numpy as np

from rai_scale.gates import Figure, Gate
from rai_scale.measures.uncertainty.bands import difference_band
from rai_scale.measures.uncertainty.formulas_rates import selection_rate
from rai_scale.measures.uncertainty.resample import resample_counts

GROUPS = 10
Y_PRED = np.array([1, 0])
LIMITS = (0.0, 0.1)


def judge(hits: np.ndarray, size: int, replicates: int, rng: np.random.Generator) -> list[bool]:
    """Return the failures: point, percentile and band for the limits in turn."""
    counts = np.stack([hits, size - hits], axis=1)
    drawn = np.concatenate(list(resample_counts(counts.ravel(), replicates, rng)))
    rates = selection_rate(Y_PRED, Y_PRED, counts)
    replicated = selection_rate(Y_PRED, Y_PRED, drawn.reshape(replicates, GROUPS, 2))
    band = difference_band(rates, replicated, sizes=np.full(GROUPS, size))
    percentile = np.quantile(np.ptp(replicated, axis=1), 0.025)
    judged = []
    for limit in LIMITS:
        judged += [
            Gate("gap", above=limit).fails(Figure(*band)),
            bool(percentile > limit),
            Gate("gap", above=limit, judged_by="lower_bound").fails(Figure(*band)),
        ]
    return judged


def shares_of_failures(
    rate: float, difference: float, size: int, args: argparse.Namespace
) -> np.ndarray:
    rng = np.random.default_rng(args.seed)
    rates = np.full(GROUPS, rate)
    rates[-1] += difference
    failures = [
        judge(rng.binomial(size, rates), size, args.replicates, rng)
        for _ in range(args.simulations)
    ]
    return np.mean(failures, axis=0)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--simulations", type=int, default=1_000)
    parser.add_argument("--replicates", type=int, default=1_000)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    print(
        f"{GROUPS} groups, {args.simulations} simulations, {args.replicates} replicates, alpha 0.05"
    )
    print("percent of tables that fail a gate on max - min")
    names = [f"{how} > {limit}" for limit in LIMITS for how in ("point", "percentile", "band")]
    print("| rows a group | rate | true difference | " + " | ".join(names) + " |")
    print("| ---: " * (3 + len(names)) + "|")
    for size, rate, difference in product((100, 1_000), (0.5, 0.1), (0.0, 0.1, 0.2, 0.3)):
        found = shares_of_failures(rate, difference, size, args)
        cells = " | ".join(f"{100 * share:.1f}" for share in found)
        print(f"| {size:,} | {rate} | {difference} | {cells} |", flush=True)


if __name__ == "__main__":
    main()
