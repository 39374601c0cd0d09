"""Risk compared with others over many tables: in short in the tests, in full in docs/proof.md."""

from __future__ import annotations

import json
import sys
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.stats import norm

from rai_scale.risk import generalise, linkage_attack, membership_inference
from rai_scale.risk.membership_attacks import lira_scores
from rai_scale.statistics.exact_intervals import clopper_pearson
from tests.capabilities.test_generalise import KEYS, STEPS, exhaustive, people
from tests.capabilities.test_membership import ASKED, predictions, table
from tests.peers import leaked_tables
from tests.peers.test_peers import ATTACKS, RECORDED, anonymity_of

LIMITS = [(None, None, None), (2, None, None), (2, 0.4, None), (None, 0.3, "xyz")]
OVERFIT = {"n_estimators": 100, "num_leaves": 63, "min_child_samples": 1}


def lattices(number: int) -> int:
    """Return for how many random lattices the optimum is that of an exhaustive search."""
    right = 0
    for seed in range(number):
        rng = np.random.default_rng(seed)
        data = people(seed, int(rng.integers(40, 120)))
        utility = ["entropy", "loss", "discernibility"][seed % 3]
        l, t, order = LIMITS[seed % 4]  # noqa: E741  # fmt: skip
        k, share = int(rng.integers(2, 7)), float(rng.choice([0.0, 0.05, 0.1]))
        found = generalise(
            data, hierarchies=STEPS, quasi_identifiers=KEYS, sensitive="ill", utility=utility,
            k=k, l=l, t=t, max_suppressed=share, ordered={"ill": [*order]} if order else None,
        )  # fmt: skip
        best = exhaustive(data, k, l, t, utility=utility, share=share, order=order)
        right += found.optimal and abs(found.found.cost - best) <= 1e-9 * max(best, 1)
    return right


def against_anonymeter(runs: range) -> pd.DataFrame:
    """Return for each run its attack, and whether our risk is within Anonymeter's interval."""
    answers, rows = RECORDED["anonymeter"]["answers"], []
    for run in runs:
        original, control, synthetic = map(pd.DataFrame, leaked_tables.tables(run))
        kind = leaked_tables.kind_of(run)
        found = ATTACKS[kind](original, synthetic, control=control, attacks=leaked_tables.ATTACKS)
        low, high = answers[f"{run} low"], answers[f"{run} high"]
        row = {"attack": kind, "leaked": leaked_tables.leaked(run)}
        rows.append(row | {"within": low <= found.risk[0] <= high, "risk": found.risk[0],
                           "holds_0": found.risk[1] <= 0 <= found.risk[2]})  # fmt: skip
    return pd.DataFrame(rows)


def overfit_rates(attack: str, runs: int) -> list[float]:
    """Return the true positive rates at 1 % false positives of an attack on overfit LightGBMs."""
    from lightgbm import LGBMClassifier

    fit = LGBMClassifier(**OVERFIT, n_jobs=1, verbose=-1).fit
    return [
        membership_inference(
            None, table(2 * seed, 400), table(2 * seed + 1, 1000), attack=attack, shadows=16,
            fit=fit, **ASKED,
        ).metrics()["tpr_at_1pct"]
        for seed in range(runs)
    ]  # fmt: skip


def private_bounds(runs: int) -> list[float]:
    """Return the lower bounds of epsilon of attacks on private EBMs of epsilon 1, at 99 %."""
    from interpret.privacy import DPExplainableBoostingClassifier

    found = []
    for seed in range(runs):
        private = DPExplainableBoostingClassifier(
            epsilon=1, delta=1e-6, privacy_bounds={"a": (-4, 4), "b": (-4, 4)},
            feature_types=["continuous"] * 2, random_state=seed,
        )  # fmt: skip
        members, others = table(2 * seed, 500), table(2 * seed + 1, 500)
        found.append(
            membership_inference(
                None, members, others, fit=private.fit, delta=1e-6, confidence=0.99, **ASKED
            ).epsilon_low
        )
    return found


def lira_gap(rows: int = 1000) -> float:
    """Return the largest difference of LiRA's scores from those of a loop over examples."""
    worst = 0.0
    for shadows in (16, 64):
        target, labels, many, inside = predictions(7, shadows, rows)
        found = lira_scores(target, labels, many, inside)
        logits = np.log(many / (1 - many))
        pairs = [
            [logits[chosen[:, i], i, label] for chosen in (inside, ~inside)]
            for i, label in enumerate(labels)
        ]
        pooled = [np.sqrt(np.mean([np.var(p[s], ddof=1) for p in pairs])) for s in (0, 1)]
        for i, label in enumerate(labels):
            seen = np.log(target[i, label] / (1 - target[i, label]))
            spread = [np.std(v, ddof=1) for v in pairs[i]] if shadows >= 64 else pooled
            logs = [norm.logpdf(seen, np.mean(v), s) for v, s in zip(pairs[i], spread, strict=True)]
            worst = max(worst, abs(found[i] - (logs[0] - logs[1])))
    return worst


def pycanon_gaps() -> dict[str, float]:
    """Return the largest difference of each measure from pyCANON's over its recorded tables."""
    gaps: dict[str, float] = {}
    answers: dict[str, float] = {}
    for question, theirs in RECORDED["pycanon"]["answers"].items():
        seed, *others, name = question.split()
        if question not in answers:
            answers |= anonymity_of(int(seed), "others" if others else None)
        gaps[name] = max(gaps.get(name, 0.0), abs(answers[question] - theirs))
    return gaps


def shuffles(data: Path, runs: int) -> tuple[list[int], float, float]:
    """Return the matches of shuffled copies of the guide's table, and the computed mean and sd."""
    texts = {"Gender": str, "Zip": str}
    published, known = (
        pd.read_csv(data / "reident" / f"data_{part}.csv", dtype=texts)[["Gender", "Age", "Zip"]]
        for part in ("medical", "demographic")
    )
    on = [("equal", "Gender"), ("within_band", "Age"), ("prefix", "Zip", 3)]
    found, rng = [], np.random.default_rng(0)
    for _ in range(runs):
        mixed = published.apply(rng.permutation)
        found.append(linkage_attack(mixed, known, on=on).with_candidate)
    baseline = linkage_attack(published, known, on=on).baseline.iloc[0]
    return found, float(baseline["mean"]), float(baseline["sd"])


def part_anonymeter() -> bool:
    found, good = against_anonymeter(range(leaked_tables.RUNS)), True
    print("Runs in which the risk is within Anonymeter's interval, on equal tables and attacks:\n")
    print("| attack | runs | within | 99 % interval | independent tables: interval holds 0 | "
          "copies: least risk |\n| --- | ---: | ---: | --- | ---: | ---: |")  # fmt: skip
    for attack, part in [("all", found), *found.groupby("attack")]:
        right, runs = int(part["within"].sum()), len(part)
        low, high = clopper_pearson(right, runs, 0.99)
        free, copies = part[part["leaked"] == 0], part[part["leaked"] == 1]
        print(f"| {attack} | {runs} | {right} | {low:.1%} to {high:.1%} | "
              f"{int(free['holds_0'].sum())} of {len(free)} | {copies['risk'].min():.3f} |")  # fmt: skip
        good &= high >= 0.95 and bool((copies["risk"] > 0.9).all())
    return good


def part_lattices() -> bool:
    right = lattices(200)
    print(f"Random lattices whose optimum is that of an exhaustive search: {right} of 200.")
    return right == 200


def part_membership() -> bool:
    print("True positive rate at 1 % false positives on LightGBM models that are overfit (400 "
          "members, 1,000 others, 20 models; at least 5 % is asked of a model):\n")  # fmt: skip
    print("| attack | mean | lowest | models with at least 5 % |\n| --- | ---: | ---: | ---: |")
    best = 0
    for attack in ("loss", "shadow", "lira", "rmia"):
        rates = overfit_rates(attack, 20)
        above = sum(rate >= 0.05 for rate in rates)
        best = max(best, above)
        print(f"| {attack} | {np.mean(rates):.1%} | {min(rates):.1%} | {above} of 20 |")
    return best == 20


def part_private() -> bool:
    bounds = private_bounds(200)
    print(f"Attacks on 200 private EBMs of epsilon 1: the largest lower bound of epsilon (99 %) is "
          f"{max(bounds):.3f}; {sum(b > 1 for b in bounds)} are above 1.")  # fmt: skip
    return max(bounds) <= 1


def part_lira() -> bool:
    gap = lira_gap()
    print(f"LiRA's scores of 1,000 rows, with 16 and 64 shadow models, differ from those of a loop "
          f"over examples by at most {gap:.1e}.")  # fmt: skip
    return gap < 1e-6


def part_pycanon() -> bool:
    gaps = pycanon_gaps()
    version = RECORDED["pycanon"]["version"]
    print(f"Largest difference from pyCANON {version} over 200 random tables: "
          + ", ".join(f"{name} {gap:.1e}" for name, gap in gaps.items()) + ".")  # fmt: skip
    return max(gaps.values()) <= 1e-9


def part_shuffles() -> bool:
    import os

    data = Path(os.environ.get("RAI_SCALE_REFERENCE_DATA", "../shared/data"))
    if not data.exists():
        print("Shuffles of the guide's table: the reference data are not here.")
        return True
    found, mean, sd = shuffles(data, 30)
    print(f"30 real shuffles of the guide's table match {np.mean(found):,.0f} people on average "
          f"({min(found):,} to {max(found):,}); computed {mean:,.0f} (sd {sd:.0f}).")  # fmt: skip
    return bool(abs(np.mean(found) - mean) <= 0.005 * mean)


PARTS: dict[str, Callable[[], bool]] = {
    "pycanon": part_pycanon,
    "lattices": part_lattices,
    "anonymeter": part_anonymeter,
    "lira": part_lira,
    "membership": part_membership,
    "private": part_private,
    "shuffles": part_shuffles,
}


def main() -> int:
    """Print the results as Markdown; return 1 if a limit does not hold."""
    warnings.simplefilter("ignore")
    failed = []
    for name in sys.argv[1:] or PARTS:
        if not PARTS[name]():
            failed.append(name)
        print(flush=True)
    print(f"Limits that do not hold: {json.dumps(failed)}" if failed else "All limits hold.")
    return int(bool(failed))


if __name__ == "__main__":
    sys.exit(main())
