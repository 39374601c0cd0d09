"""What pyCANON answers; runs in an environment of its own and prints JSON.

Its numbers that are rounded down (entropy l, c) are not asked for.
"""

import json
import warnings
from importlib.metadata import version

import pandas as pd
from pycanon import anonymity
from risk_tables import KEYS, SENSITIVE, TABLES, risk_table

warnings.simplefilter("ignore")
MEASURES = {
    "distinct_l": anonymity.l_diversity,
    "t": anonymity.t_closeness,
    "delta": anonymity.delta_disclosure,
    "beta": anonymity.basic_beta_likeness,
    "enhanced_beta": anonymity.enhanced_beta_likeness,
    "alpha": lambda *args, **kwargs: anonymity.alpha_k_anonymity(*args, **kwargs)[0],
}
HARMONISED = 20
answers = {}
for seed in range(TABLES):
    data = pd.DataFrame(risk_table(seed))
    answers[f"{seed} k"] = int(anonymity.k_anonymity(data, KEYS))
    for name, measure in MEASURES.items():
        answers[f"{seed} {name}"] = float(measure(data, KEYS, SENSITIVE))
        if seed < HARMONISED:
            answers[f"{seed} others {name}"] = float(measure(data, KEYS, SENSITIVE, gen=False))
print(json.dumps({"version": version("pycanon"), "answers": answers}))
