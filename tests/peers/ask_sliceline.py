"""What sliceline answers; runs in an environment of its own and prints JSON."""

import json
from importlib.metadata import version

import numpy as np
from slice_table import FEATURES, MIN_ROWS, slice_rows
from sliceline.slicefinder import Slicefinder

table = slice_rows()
features = np.array([table[name] for name in FEATURES]).T
found = Slicefinder(alpha=0.95, k=20, max_l=3, min_sup=MIN_ROWS, verbose=False)
found.fit(features, np.array(table["error"]))
answers = {}
for values, statistics in zip(found.top_slices_, found.top_slices_statistics_, strict=True):
    pairs = zip(FEATURES, values, strict=True)
    name = " and ".join(
        f"{feature} = {int(value)}" for feature, value in pairs if value is not None
    )
    answers[f"score of {name}"] = statistics["slice_score"]
    answers[f"errors of {name}"] = statistics["sum_slice_error"]
print(json.dumps({"version": version("sliceline"), "answers": answers}))
