"""What DivExplorer answers; runs in an environment of its own and prints JSON."""

import json
from importlib.metadata import version

import pandas as pd
from divexplorer import DivergenceExplorer
from slice_table import FEATURES, MIN_ROWS, slice_rows

table = pd.DataFrame(slice_rows())
rows = len(table)
patterns = DivergenceExplorer(table).get_pattern_divergence(
    min_support=MIN_ROWS / rows, boolean_outcomes=["error"], attributes=list(FEATURES)
)
patterns = patterns[(patterns["length"] > 0) & (patterns["error_div"] > 0)]
answers = {}
for pattern in patterns.sort_values("error_div", ascending=False).itertuples():
    items = sorted(str(item).replace("=", " = ") for item in pattern.itemset)
    if len(items) <= 3 and len(answers) < 60:
        name = " and ".join(items)
        answers[f"rows of {name}"] = float(round(pattern.support * rows))
        answers[f"divergence of {name}"] = float(pattern.error_div)
print(json.dumps({"version": version("divexplorer"), "answers": answers}))
