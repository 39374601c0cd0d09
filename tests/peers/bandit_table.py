"""The log that obp is asked about: integers and simple fractions, the same everywhere."""

from __future__ import annotations

ROWS = 4_000
ACTIONS = 4
CONTEXTS = 5


def draws(state: int):
    """Return a function that draws integers below a limit."""

    def draw(below: int) -> int:
        nonlocal state
        state = (state * 6364136223846793005 + 1442695040888963407) % 2**64
        return (state >> 33) % below

    return draw


def shares(context: int, policy: int) -> list[float]:
    """Return the probabilities of the actions, for the log (0) or for another policy."""
    parts = [1 + (context * 3 + action * (policy + 2) + policy) % 7 for action in range(ACTIONS)]
    return [part / sum(parts) for part in parts]


def predicted(context: int, action: int, reward: int) -> float:
    """Return the prediction of a model of rewards."""
    return (10 + context * 7 + action * 11 + reward * 5) / 100


def bandit_rows() -> dict[str, list]:
    """Return context, action, propensity, a binary and a numeric reward, and people."""
    draw = draws(3)
    rows = {name: [] for name in ("x", "a", "p", "click", "minutes", "who", "g")}
    for _ in range(ROWS):
        who = draw(ROWS // 10)
        x, chosen = draw(CONTEXTS), draw(10_000) / 10_000
        share = shares(x, 0)
        action = next(a for a in range(ACTIONS) if chosen < sum(share[: a + 1]) + 1e-12)
        click = int(draw(100) < 10 + 8 * action + 4 * x)
        minutes = click * (1 + draw(50)) / 8
        values = (x, action, share[action], click, minutes, who, "uv"[who % 2])
        for name, value in zip(rows, values, strict=True):
            rows[name].append(value)
    return rows
