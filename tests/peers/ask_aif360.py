"""What AIF360 answers; runs in an environment of its own and prints JSON."""

import json
from importlib.metadata import version

import pandas as pd
from aif360.algorithms.preprocessing import Reweighing
from aif360.datasets import BinaryLabelDataset
from aif360.metrics import ClassificationMetric
from table import rows

GROUPS = {"unprivileged_groups": [{"sex": 0}], "privileged_groups": [{"sex": 1}]}
METRICS = [
    "statistical_parity_difference",
    "disparate_impact",
    "equal_opportunity_difference",
    "false_positive_rate_difference",
    "false_discovery_rate_difference",
    "accuracy",
    "generalized_entropy_index",
]

data = pd.DataFrame(rows())
true = BinaryLabelDataset(
    df=data[["sex", "y"]], label_names=["y"], protected_attribute_names=["sex"]
)
predicted = true.copy()
predicted.labels = data[["p"]].to_numpy(float)
metric = ClassificationMetric(true, predicted, **GROUPS)
weights = Reweighing(**GROUPS).fit(true)
answers = {name: float(getattr(metric, name)()) for name in METRICS}
answers |= {
    "reweighing, sex 0, label 0": float(weights.w_up_unfav),
    "reweighing, sex 0, label 1": float(weights.w_up_fav),
    "reweighing, sex 1, label 0": float(weights.w_p_unfav),
    "reweighing, sex 1, label 1": float(weights.w_p_fav),
}
print(json.dumps({"version": version("aif360"), "answers": answers}))
