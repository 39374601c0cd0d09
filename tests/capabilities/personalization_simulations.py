"""How often intervals cover, and alarms are false: in short in the tests, in full in docs/proof.md."""

from __future__ import annotations

import numpy as np
import pandas as pd

from rai_scale.gates import Gate
from rai_scale.personalization import audit_exposure, audit_features, evaluate_policy
from rai_scale.statistics.exact_intervals import clopper_pearson

PEOPLE, EVENTS = 200, 10
LOGGED = np.array([0.5, 0.3, 0.2])
NEW = np.array([0.2, 0.2, 0.6])
MEANS = np.array([0.15, 0.3, 0.45])
SPREAD = 0.14


def simulated_log(seed: int) -> pd.DataFrame:
    """Return ten events of each of 200 people who differ in what they like."""
    rng = np.random.default_rng(seed)
    likes = rng.uniform(-SPREAD, SPREAD, PEOPLE).repeat(EVENTS)
    action = rng.choice(3, PEOPLE * EVENTS, p=LOGGED)
    reward = (rng.random(PEOPLE * EVENTS) < MEANS[action] + likes).astype(int)
    who = np.arange(PEOPLE).repeat(EVENTS)
    return pd.DataFrame({"who": who, "a": action, "p": LOGGED[action], "r": reward})


def coverage(simulations: int) -> tuple[dict[str, float], dict[str, float]]:
    """Return how often intervals by person, and by row, cover the true value of a policy."""
    policy = pd.DataFrame({"a": range(3), "probability": NEW})
    asked = {"action": "a", "propensity": "p", "rewards": {"r": "r"}, "policy": policy}
    truth = float(NEW @ MEANS)
    hits: list[dict[str, dict[str, bool]]] = []
    for seed in range(simulations):
        log, one = simulated_log(seed), {}
        for how, person in (("person", "who"), ("row", None)):
            found = evaluate_policy(log, **asked, person=person).values
            found = found[found["policy"] == "policy"].set_index("estimator")
            one[how] = ((found["low"] <= truth) & (truth <= found["high"])).to_dict()
        hits.append(one)
    means = [pd.DataFrame([hit[how] for hit in hits]).mean().to_dict() for how in ("person", "row")]
    return means[0], means[1]


def looped_log(seed: int, loop: bool) -> pd.DataFrame:
    """Return twelve weeks of offers; with a loop, group v stops seeing loans from week 5 on."""
    rng = np.random.default_rng(seed)
    people, weeks = 80, 12
    likes = rng.dirichlet([4, 4, 4], people)
    who, week = (a.ravel() for a in np.meshgrid(np.arange(people), np.arange(weeks), indexing="ij"))
    who, week = who.repeat(3), week.repeat(3)
    p = likes[who]
    if loop:
        fades = (who % 2 == 1) & (week > 4)
        p[fades, 0] *= np.clip(1 - (week[fades] - 4) / 5, 0.05, 1)
        p /= p.sum(axis=1, keepdims=True)
    at = (rng.random(len(who))[:, None] > p.cumsum(axis=1)).sum(axis=1).clip(max=2)
    kind = np.array(["loan", "card", "saving"])[at]
    group = np.where(who % 2 == 1, "v", "u")
    return pd.DataFrame({"who": who, "w": week, "c": kind, "i": kind, "g": group})


def false_alarms(simulations: int) -> float:
    """Return how often a fair log is said to have a loop."""
    asked = {"item": "i", "category": "c", "person": "who", "groups": "g", "period": "w"}
    logs = (looped_log(seed, loop=False) for seed in range(simulations))
    return float(np.mean([audit_exposure(log, **asked).totals()["loops"] > 0 for log in logs]))


def silent_gates(simulations: int, events: int = 1) -> float:
    """Return how often the gate on proxies holds if no feature depends on the attribute.

    With several events, the features of a person are the same in all of them.
    """
    from sklearn.linear_model import LogisticRegression

    gate, held = Gate("auc", above=0.5, judged_by="lower_bound"), []
    for seed in range(simulations):
        rng = np.random.default_rng(seed)
        rows = pd.DataFrame({f"x{n}": rng.normal(size=400 // events) for n in range(4)})
        rows["s"] = rng.choice(["u", "v"], len(rows))
        rows["who"] = np.arange(len(rows))
        found = audit_features(
            rows.loc[rows.index.repeat(events)].reset_index(drop=True),
            features=["x0", "x1", "x2", "x3"], sensitive_features="s",
            learner=LogisticRegression, person="who" if events > 1 else None,
        )  # fmt: skip
        held.append(found.gates(gate)[0]["passed"])
    return float(np.mean(held))


def main() -> None:
    """Print the results as Markdown."""
    runs = 1000
    by_person, by_row = coverage(runs)
    print(
        f"Intervals of a known policy value, {PEOPLE} people with {EVENTS} events, {runs} logs:\n"
    )
    print(
        "| estimator | cover, by person | 99 % interval | cover, by row |\n| --- | ---: | ---: | ---: |"
    )
    for name, share in by_person.items():
        low, high = clopper_pearson(round(share * runs), runs, 0.99)
        print(f"| {name} | {share:.1%} | {low:.1%} to {high:.1%} | {by_row[name]:.1%} |")
    alarms = false_alarms(runs)
    low, high = clopper_pearson(round(alarms * runs), runs, 0.99)
    print(
        f"\nFair logs with an alarm of a loop: {alarms:.1%} of {runs} (99 % interval {low:.1%} to "
        f"{high:.1%}; 5 % is expected)."
    )
    held = silent_gates(runs)
    people = silent_gates(runs, events=5)
    print(
        f"\nGate on proxies silent at independence: {held:.1%} of {runs} (95 % or more is asked); "
        f"with five events a person, {people:.1%}."
    )


if __name__ == "__main__":
    main()
