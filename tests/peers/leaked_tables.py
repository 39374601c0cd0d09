"""Original, control and synthetic tables; a share of the synthetic rows are copies of originals."""

import random

ROWS, ATTACKS, RUNS = 250, 200, 200
LEAKED = (0, 0.25, 0.5, 1)
KINDS = ("singling_out", "linkability", "inference")
KNOWN = (["a", "kind"], ["b", "c", "job"])
SECRET = {"known": ["a", "b", "c", "kind"], "secret": "job"}


def people(seed):
    """Return the columns of a table: numbers, and a job that depends on the kind."""
    draw = random.Random(seed)  # the same numbers in every version of Python
    rows = []
    for _ in range(ROWS):
        kind = "pqrs"[draw.randrange(4)]
        job = kind if draw.random() < 0.5 else "pqrstuvw"[draw.randrange(8)]
        row = (draw.random(), round(draw.random(), 2), draw.randrange(40), kind, job)
        rows.append(row)
    return dict(zip(["a", "b", "c", "kind", "job"], map(list, zip(*rows))))  # noqa: B905


def leaked(run):
    """Return the share of copies in the synthetic table of a run."""
    return LEAKED[run // len(KINDS) % len(LEAKED)]


def tables(run):
    """Return the original, the control and the synthetic table of a run."""
    original, control, made = (people(3 * run + at) for at in range(3))
    copies = int(leaked(run) * ROWS)
    synthetic = {name: original[name][:copies] + made[name][copies:] for name in made}
    return original, control, synthetic


def kind_of(run):
    """Return the attack of a run."""
    return KINDS[run % len(KINDS)]
