"""How often the intervals of a private metric_frame cover, regime by regime, with OpenDP's noise.

    python benchmarks/private_fairness.py --repeats 500

Part (d) of what private releases must show: at least 93 % coverage of 95 % intervals in each regime
of rows and epsilon that is declared usable, widths, and how many values are declared unusable.

Each repetition is a table of persons of its own, and a release of its own. With ``max_rows = k``
persons have 1 to k rows, all alike: the most that rows of a person can depend on each other. The
truth is the rate of the population. Exact counts are drawn as the bounded counts of such tables, so
that all repetitions are one array; noise is drawn for all of them in one call. Some releases of
each regime also go the public way, from a table of rows, and must give these same intervals.
"""

from __future__ import annotations

import argparse
import time
from collections import defaultdict
from dataclasses import replace

import numpy as np
import pandas as pd

from rai_scale.engines import engine_named
from rai_scale.fairness.private.frame import frame_of_noisy, replicates_of
from rai_scale.fairness.private.gaps import gap_end
from rai_scale.fairness.private.shares import NoisyCounts, shares_of
from rai_scale.measures.from_cells import Roles
from rai_scale.measures.metrics import resolve_metrics
from rai_scale.privacy import Noise, Privacy
from rai_scale.privacy.declared_cells import declare, exact_counts, noise_for

GROUPS = dict(zip("abcdef", [0.40, 0.25, 0.15, 0.10, 0.07, 0.03], strict=True))
METRICS = {
    "selection rate": "selection_rate",
    "TPR": "true_positive_rate",
    "FPR": "false_positive_rate",
    "accuracy": "accuracy_score",
}
ROLES = Roles("y", "p", ("group",))
DECLARED = declare(["group", "y", "p"], {"group": list(GROUPS), "y": [0, 1], "p": [0, 1]})
TAIL = 0.025
LINE = 0.93
JUDGED = 200
"""A regime is judged only if at least this number of values was usable."""


def main() -> None:
    """Run all regimes and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--repeats", type=int, default=500)
    parser.add_argument("--public", type=int, default=2, help="releases that go the public way")
    parser.add_argument("--rows", type=int, nargs="+", default=[1_000, 10_000, 100_000])
    parser.add_argument("--epsilons", type=float, nargs="+", default=[0.1, 1.0, 5.0])
    parser.add_argument("--max-rows", type=int, nargs="+", default=[1, 3])
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    started, low = time.perf_counter(), []
    print(f"{options.repeats} releases per regime; coverage / median width of 95 % intervals\n")
    names = [*METRICS, "difference", "ratio"]
    print("| rows | epsilon | max_rows | usable | " + " | ".join(names) + " |")
    print("| ---: " * 4 + "| ---: " * len(names) + "|")
    for rows in options.rows:
        for epsilon in options.epsilons:
            for max_rows in options.max_rows:
                asked = {"privacy": Privacy(epsilon=epsilon), "max_rows": max_rows}
                rng = np.random.default_rng([options.seed, rows, int(epsilon * 10), max_rows])
                found = regime(rows, repeats=options.repeats, rng=rng, **asked)
                for _ in range(options.public):
                    the_public_way(min(rows, 10_000), rng=rng, **asked)
                usable = found.pop("usable")[0]
                cells = [text(*found[name]) for name in names]
                low += [
                    (rows, epsilon, max_rows, name)
                    for name in names
                    if found[name][2] >= JUDGED and found[name][0] < LINE
                ]
                head = f"| {rows:,} | {epsilon:g} | {max_rows} | {usable:.0%} | "
                print(head + " | ".join(cells) + " |", flush=True)
    verdict = "none" if not low else ", ".join(map(str, low))
    print(f"\nbelow {LINE:.0%} where {JUDGED} values or more were usable: {verdict}")
    print(f"{time.perf_counter() - started:.0f} s in all")


def text(coverage: float, width: float, number: int) -> str:
    """Return coverage and width; a dash where nothing was declared usable."""
    if not number:
        return "-"
    few = " (few)" if number < JUDGED else ""
    return f"{coverage:.1%} / {width:.3f}{few}"


def population(rng: np.random.Generator) -> np.ndarray:
    """Return the share of each cell; rates differ between regimes, also near 0 and 1."""
    parts = []
    for size in GROUPS.values():
        base, tpr, fpr = rng.uniform([0.2, 0.6, 0.02], [0.7, 0.98, 0.3])
        parts += [(1 - base) * (1 - fpr), (1 - base) * fpr, base * (1 - tpr), base * tpr]
        parts[-4:] = [size * part for part in parts[-4:]]
    return np.array(parts)


def persons_by_rows(rows: int, max_rows: int) -> int:
    """Return how many persons have 1 row, how many 2, ...: as many of each."""
    return 2 * rows // (max_rows * (max_rows + 1))


def regime(
    rows: int, *, privacy: Privacy, max_rows: int, repeats: int, rng: np.random.Generator
) -> dict[str, tuple[float, float, int]]:
    """Return coverage, median width and number of usable values by metric, and the usable share."""
    shares = population(rng)
    exact = np.zeros((repeats, DECLARED.size), np.int64)
    for number in range(1, max_rows + 1):
        exact += number * rng.multinomial(persons_by_rows(rows, max_rows), shares, repeats)
    noise, _ = noise_for(privacy, max_rows)
    noisy = noise.draw(exact.ravel()).reshape(exact.shape).astype(float)
    released = NoisyCounts(noisy, DECLARED, ROLES, noise, max_rows)
    pooled: dict[str, list[tuple[np.ndarray, np.ndarray]]] = defaultdict(list)
    usable = []
    for name, metric in METRICS.items():
        resolved = resolve_metrics([metric], None, None)[0][0]
        plenty = NoisyCounts(shares * 1e12, DECLARED, ROLES, Noise("laplace", 1e-3), 1)
        truth = shares_of(plenty, resolved, ["group"]).estimate
        found = shares_of(released, resolved, ["group"])
        usable.append(found.usable.mean())
        low, high = (found.end(TAIL, upper=upper) for upper in (False, True))
        pooled[name].append(judged(truth + 0 * low, low, high))
        shown = np.where(found.usable, truth, np.nan)
        least, most = np.fmin.reduce(shown, axis=1), np.fmax.reduce(shown, axis=1)
        for kind, right in (("difference", most - least), ("ratio", least / most)):
            low, high = (gap_end(found, kind, TAIL, upper=upper) for upper in (False, True))
            pooled[kind].append(judged(right, low, high))
    result = {"usable": (float(np.mean(usable)), 0.0, 0)}
    for name, parts in pooled.items():
        hits, widths = (np.concatenate(part) for part in zip(*parts, strict=True))
        if len(hits):
            result[name] = (float(hits.mean()), float(np.median(widths)), len(hits))
        else:
            result[name] = (np.nan, np.nan, 0)
    return result


def judged(truth: np.ndarray, low: np.ndarray, high: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return whether usable intervals cover, and their widths."""
    known = ~np.isnan(low)
    inside = (low <= truth + 1e-9) & (truth <= high + 1e-9)
    return inside[known], (high - low)[known]


def the_public_way(rows: int, *, privacy: Privacy, max_rows: int, rng: np.random.Generator) -> None:
    """Count a table of rows, and check that the frame shows the intervals that are judged here."""
    each = persons_by_rows(rows, max_rows)
    number = np.repeat(np.arange(1, max_rows + 1), each)
    cell = rng.choice(DECLARED.size, len(number), p=population(rng))
    table = DECLARED.frame.iloc[np.repeat(cell, number)].reset_index(drop=True)
    table["person"] = np.repeat(np.arange(len(number)), number)
    counts = exact_counts(
        engine_named("local"),
        table,
        replace(DECLARED, max_rows=max_rows),
        "person",
        int(rng.integers(2**62)),
    )
    wanted = table.groupby(ROLES.keys([])).size()
    wanted = wanted.reindex(pd.MultiIndex.from_frame(DECLARED.frame), fill_value=0)
    np.testing.assert_array_equal(counts, wanted)
    noise, _ = noise_for(privacy, max_rows)
    noisy = NoisyCounts(noise.draw(counts).astype(float), DECLARED, ROLES, noise, max_rows)
    metrics, _ = resolve_metrics(list(METRICS.values()), None, None)
    frame = frame_of_noisy(noisy, metrics, single=False)
    frame.add_intervals(replicates_of(frame, 20, 0), [TAIL, 1 - TAIL])
    for metric in metrics:
        shares = shares_of(noisy, metric, ["group"])
        low, high = (shares.end(TAIL, upper=upper) for upper in (False, True))
        shown = frame.by_group[metric.name].to_numpy()
        np.testing.assert_array_equal(shares.usable, ~np.isnan(shown))
        np.testing.assert_allclose(frame.by_group_ci[0][metric.name], np.minimum(low, shown))
        np.testing.assert_allclose(frame.by_group_ci[1][metric.name], np.maximum(high, shown))


if __name__ == "__main__":
    main()
