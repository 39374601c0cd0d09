"""What obp's estimators answer; runs in an environment of its own and prints JSON.

The estimators are loaded without the rest of obp, and with an empty module in place of torch, of
which they use the name of one class.
"""

import json
import sys
import types
from importlib import import_module
from importlib.metadata import version
from importlib.util import find_spec

import numpy as np
from bandit_table import ACTIONS, CONTEXTS, bandit_rows, predicted, shares

sys.modules["torch"] = types.ModuleType("torch")
sys.modules["torch"].Tensor = type("Tensor", (), {})
home = find_spec("obp").submodule_search_locations[0]
for name, folder in (("obp", home), ("obp.ope", f"{home}/ope")):
    sys.modules[name] = types.ModuleType(name)
    sys.modules[name].__path__ = [folder]
estimators = import_module("obp.ope.estimators")

NAMES = {
    "ips": "InverseProbabilityWeighting",
    "snips": "SelfNormalizedInverseProbabilityWeighting",
    "dm": "DirectMethod",
    "dr": "DoublyRobust",
}
table = {name: np.array(values) for name, values in bandit_rows().items()}
answers = {}
for policy in (1, 2):
    by_context = np.array([shares(x, policy) for x in range(CONTEXTS)])
    for number, reward in enumerate(("click", "minutes")):
        model = [[predicted(x, a, number) for a in range(ACTIONS)] for x in range(CONTEXTS)]
        for group in ("all", "u", "v"):
            kept = np.full(len(table["x"]), True) if group == "all" else table["g"] == group
            x = table["x"][kept]
            given = {
                "action_dist": by_context[x][:, :, None],
                "estimated_rewards_by_reg_model": np.array(model)[x][:, :, None],
            }
            logged = {
                "action": table["a"][kept],
                "reward": table[reward][kept].astype(float),
                "pscore": table["p"][kept],
            }
            for name, kind in NAMES.items():
                estimator = getattr(estimators, kind)()
                asked = given if name in ("dm", "dr") else {"action_dist": given["action_dist"]}
                asked = asked if name == "dm" else {**asked, **logged}
                value = estimator.estimate_policy_value(**asked)
                answers[f"policy {policy}, {reward}, {group}, {name}"] = float(value)
print(json.dumps({"version": version("obp"), "answers": answers}))
