"""interpret draws every object that is made for it, and shows the numbers of the result."""

from __future__ import annotations

import importlib.util

import numpy as np
import pandas as pd
import pytest
from interpret.blackbox import ShapKernel
from interpret.provider import InlineProvider
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression, Ridge

from rai_scale.errors import ConfigError, MissingColumnError, MissingExtraError
from rai_scale.explanations import (
    FeatureGrid,
    explain,
    ice,
    importance,
    morris,
    partial_dependence,
    permutation_importance,
    sobol,
)
from rai_scale.explanations.local.interpret_local import MOST_ROWS, to_interpret_local
from rai_scale.measures import performance
from tests.capabilities.explained import NAMES, make, split

FEW = NAMES[:3]


@pytest.fixture(scope="module")
def fitted():
    frame, target = make()
    return frame[FEW], target, LogisticRegression().fit(frame[FEW], target)


@pytest.fixture(scope="module")
def explained(fitted) -> pd.DataFrame:
    frame, _, model = fitted
    return explain(frame[300:306], model, features=FEW, background=frame[:30])


def lines_of(figure, length: int) -> list:
    """Return what is drawn over that many points; a histogram stands beside it."""
    return [np.asarray(trace.y) for trace in figure.data if len(trace.y) == length]


def bars_of(figure) -> dict:
    bar = figure.data[0]
    return dict(zip(bar.y, bar.x, strict=True))


def test_rows_are_drawn_as_those_of_interpret(fitted, explained):
    frame, _, model = fitted
    found = to_interpret_local(explained, features=FEW)
    rows = frame[300:306].reset_index(drop=True)
    theirs = ShapKernel(model, frame[:30]).explain_local(rows)
    for number in range(len(rows)):
        ours, other = found.data(number), theirs.data(number)
        np.testing.assert_allclose(ours["scores"], other["scores"], atol=1e-6)
        np.testing.assert_allclose(ours["values"], other["values"])
        np.testing.assert_allclose(ours["extra"]["scores"], other["extra"]["scores"], atol=1e-9)
        assert ours["names"] == other["names"]
    drawn = found.visualize(2)
    assert f"Predicted: {explained.prediction.iloc[2]:.1f}" in drawn.layout.title.text
    bars = list(bars_of(drawn).values())
    assert bars[-1] == explained.base_value.iloc[2]
    assert sum(bars) == pytest.approx(explained.prediction.iloc[2])


def test_rows_of_one_class_with_keys_and_truth(tmp_path):
    frame, target = make(3)
    model = RandomForestClassifier(3, max_depth=3, random_state=0).fit(frame, target)
    background, rows = split(frame)
    rows = rows.assign(id=range(8), y=1.0, sex="f")
    found = explain(rows, model, features=NAMES, background=background, key_columns=["id", "y"])
    shown = to_interpret_local(
        found, features=NAMES, explain_class="1", key_columns=["id"], y_true="y"
    )
    assert list(shown.selector.columns) == ["id", "Predicted", "Actual"]
    assert "values" not in shown.data(0)  # only keys were kept
    assert "Actual: 1" in shown.visualize(0).layout.title.text
    with pytest.raises(ConfigError, match="choose one of the classes"):
        to_interpret_local(found, features=NAMES)
    with pytest.raises(ConfigError, match="no class 'one'"):
        to_interpret_local(found, features=NAMES, explain_class="one")
    with pytest.raises(MissingColumnError, match="shap_1_f9"):
        to_interpret_local(found, features=["f9"], explain_class="1")
    with pytest.raises(ConfigError, match=f"1 to {MOST_ROWS:,}; found 1,001"):
        many = pd.concat([found[:1]] * 1001)
        to_interpret_local(many, features=NAMES, explain_class="1")


def test_every_kind_is_drawn(fitted, explained):
    frame, target, model = fitted
    rows = frame[:60].assign(y=target[:60], m=np.where(frame.f0[:60] > 0, "a", "b"))
    asked = {"features": FEW, "background": frame[:30]}
    options = {"of": ["f0", ("f0", "f1")], "grid": FeatureGrid(points=4), **asked}
    dependence = partial_dependence(rows, model, **options)
    lines = ice(rows, model, rows=5, **options)
    drawn = dependence.to_interpret(lines=lines).visualize(0)
    drawn = lines_of(drawn, 4)
    assert len(drawn) >= 5 + 1
    mean = dependence.mean[0][:, 0]
    assert any(np.array_equal(line, mean) for line in drawn)
    heat = dependence.to_interpret_pairs().visualize(0)
    np.testing.assert_allclose(heat.data[0].z, dependence.average(1)[0].T)
    assert (heat.layout.xaxis.title.text, heat.layout.yaxis.title.text) == ("f0", "f1")
    sizes = importance(explained, features=FEW)
    assert bars_of(sizes.to_interpret().visualize())["f0"] == sizes.overall.mean_abs[0]
    permuted = permutation_importance(rows, model, y_true="y", repeats=2, **asked)
    assert set(bars_of(permuted.to_interpret().visualize())) == set(FEW)
    screened = morris(rows, model, trajectories=4, **asked)
    assert bars_of(screened.to_interpret().visualize())["f0"] == screened.table()["mu_star"][0]
    assert f"Mu: {screened.table()['mu'][1]:.3f}" in screened.to_interpret().visualize(1)
    shares = sobol(rows, model, base_samples=16, **asked)
    assert bars_of(shares.to_interpret().visualize())["f0"] == shares.table()["ST"][0]
    scored = rows.assign(score=model.predict_proba(rows[FEW])[:, 1])
    measured = performance(scored, y_true="y", score="score")
    roc = measured.roc()
    curve = measured.explanation("roc").visualize()
    np.testing.assert_allclose(curve.data[0].y, roc["tpr"])
    assert measured.explanation("pr").visualize().data
    ridge = Ridge().fit(frame, frame.f1)
    valued = rows.assign(p=ridge.predict(frame[:60]))
    error = performance(valued, y_true="f1", score="p", task="regression")
    assert error.explanation().visualize().data


def test_levels_are_drawn():
    rows = pd.DataFrame({"m": ["a", "b", "b"] * 5, "n": np.arange(15.0)})
    curve = partial_dependence(
        rows, lambda f: f.n + (f.m == "a"), features=["m", "n"], of=["m"], background=rows
    )
    drawn = curve.to_interpret().visualize(0)
    assert any(np.allclose(line, [8.0, 7.0]) for line in lines_of(drawn, 2))
    with pytest.raises(ConfigError, match="no term has two features"):
        curve.to_interpret_pairs()


def test_a_notebook_shows_it(explained, capsys):
    pytest.importorskip("dash_cytoscape")
    InlineProvider().render(to_interpret_local(explained, features=FEW))
    assert "HTML object" in capsys.readouterr().out


def test_without_plotly_the_extra_is_named(explained, monkeypatch):
    found = importlib.util.find_spec
    monkeypatch.setattr(
        "rai_scale.upstream.interpret.find_spec",
        lambda name: None if name == "plotly" else found(name),
    )
    with pytest.raises(MissingExtraError, match=r"plotly .*rai-scale\[explain\]"):
        to_interpret_local(explained, features=FEW)
