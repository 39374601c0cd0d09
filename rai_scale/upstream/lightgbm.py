"""LightGBM's private attributes."""

from __future__ import annotations

from typing import Any


def classifier_of(booster: Any, classes: int) -> Any:
    """Return a fitted classifier of several classes around a booster."""
    from lightgbm import LGBMClassifier

    made = LGBMClassifier(objective="multiclass")
    made._Booster, made._n_classes, made.fitted_ = booster, classes, True
    return made
