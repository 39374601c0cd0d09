"""The measures of anonymity by their formulas, one class at a time."""

from __future__ import annotations

import numpy as np
import pandas as pd


def plain_measures(data: pd.DataFrame, keys: list[str], name: str, order=None) -> dict:
    """Return the worst value of each measure; null is a value of its own."""
    codes = pd.factorize(data[name], sort=True, use_na_sentinel=True)[0]
    codes = np.where(codes < 0, codes.max() + 1, codes)  # null comes last
    if order:
        codes = data[name].map({value: at for at, value in enumerate(order)}).to_numpy()
    values = np.unique(codes)
    q = np.array([(codes == value).mean() for value in values])
    classes = [codes[at] for at in data.groupby(keys, dropna=False).indices.values()]
    counts = [np.array([(rows == value).sum() for value in values]) for rows in classes]
    shares = [count / count.sum() for count in counts]
    least = min((count > 0).sum() for count in counts)

    def worst(measure):
        return max(measure(p) for p in shares)

    falling = [np.sort(count)[::-1] for count in counts]
    return {
        "distinct_l": least,
        "entropy_l": np.exp(-worst(lambda p: (p[p > 0] * np.log(p[p > 0])).sum())),
        "recursive_c": max(count[0] / count[least - 1 :].sum() for count in falling),
        "equal": worst(lambda p: abs(p - q).sum() / 2),
        "ordered": worst(lambda p: abs(np.cumsum(p - q)).sum() / max(len(q) - 1, 1)),
        "delta": worst(lambda p: abs(np.log(p[p > 0] / q[p > 0])).max()),
        "beta": worst(lambda p: (p / q - 1).max()),
        "alpha": worst(lambda p: p.max()),
    }
