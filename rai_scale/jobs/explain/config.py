"""Configuration of ``rai-scale explain``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Literal

from pydantic import BeforeValidator, Field, model_validator

from rai_scale.errors import did_you_mean
from rai_scale.explanations.local.value_sampling import ValueSampling
from rai_scale.explanations.overall.grids import FeatureGrid
from rai_scale.jobs.config import JobConfig
from rai_scale.models.model import Model
from rai_scale.pii.analysis.config import Frozen

EXPLAINED = "explained"


class Permutation(Frozen):
    """Permutation importance: how much a score gets worse when a feature is shuffled.

    ``scoring`` is the name of a score in scikit-learn; by default accuracy, or R2.
    """

    y_true: str
    scoring: str | None = None
    repeats: int = Field(5, ge=1)


class ModelConfig(Frozen):
    """The model: :class:`rai_scale.models.Model` with ``path`` in place of ``estimator``."""

    path: str
    classes: tuple[str | int | float, ...] | None = None
    output: Literal["probability", "raw"] = "probability"
    trusted: bool = False

    @property
    def file_name(self) -> str:
        """The last part of the path."""
        return self.path.rsplit("/", 1)[-1]

    def model(self, estimator: Any) -> Model:
        """Return the loaded estimator with these options."""
        return Model(estimator, self.classes, self.output, self.trusted)


class BackgroundConfig(Frozen):
    """The background: a sample of ``rows``, from another table if ``table`` is given.

    :class:`rai_scale.models.Background` with ``table`` in place of ``frame``.
    """

    rows: int = Field(100, ge=1)
    table: str | None = None
    random_state: int | None = Field(None, ge=0)


@dataclass(frozen=True)
class CurveGrid(FeatureGrid):
    """A grid of curves that end at percentiles, because extreme values are those of single rows."""

    points: int = 20
    percentiles: tuple[float, float] = (0.025, 0.975)


def _model_block(value: Any) -> Any:
    return {"path": value} if isinstance(value, str) else value


def _background_block(value: Any) -> Any:
    if isinstance(value, str):
        raise ValueError(f"give a block: background: {{table: {value}}}")
    return value


class ExplainJob(JobConfig):
    """Configuration of ``rai-scale explain``.

    ``model`` is a path, or a block with its ``path``. ``row_pages`` is the number of rows that are
    written with their values and keys into report and result: personal data, if the table has any.
    ``reasons`` is the number of reasons in a text that is added to each explained row.
    ``partial_dependence`` names features, and pairs of them as lists of two; the grid of a pair has
    at most ten points per feature.
    """

    old_keys: ClassVar[dict[str, tuple[str, ...]]] = {
        **{name: (f"model.{name}",) for name in ("classes", "trusted")},
        **{name: (f"sampling.{name}",) for name in ("max_evals", "target_error", "replicates")},
        "explained": ("model.output",),
        "background_rows": ("background.rows",),
        "grid_points": ("grid.points",),
    }

    short_forms: ClassVar[dict[str, str]] = {"model": "path"}

    source: str
    table: str | None = None
    format: Literal["parquet", "delta"] = "parquet"
    model: Annotated[
        ModelConfig, BeforeValidator(_model_block, json_schema_input_type=str | ModelConfig)
    ]
    features: tuple[str, ...] = Field(min_length=1)
    key_columns: tuple[str, ...] = ()
    method: str = "shap"
    explain_class: str | int | float | None = None
    background: Annotated[BackgroundConfig, BeforeValidator(_background_block)] = BackgroundConfig()
    sampling: ValueSampling = ValueSampling()
    perturbation: Literal["interventional", "tree_path_dependent"] = "interventional"
    sensitive_features: tuple[str, ...] = ()
    importance: bool = True
    reasons: int = Field(0, ge=0, le=20)
    partial_dependence: tuple[str | tuple[str, str], ...] = ()
    grid: CurveGrid = CurveGrid()
    ice_rows: int = Field(20, ge=0)
    morris: int = Field(0, ge=0)
    sobol: int = Field(0, ge=0)
    permutation: Permutation | None = None
    row_pages: int = Field(0, ge=0, le=200)
    confidence: float = Field(0.95, gt=0, lt=1)
    random_state: int = Field(0, ge=0)

    @model_validator(mode="after")
    def _known_features(self) -> ExplainJob:
        terms = [(t,) if isinstance(t, str) else t for t in self.partial_dependence]
        unknown = [name for term in terms for name in term if name not in self.features]
        if unknown:
            hint = did_you_mean(unknown[0], self.features)
            raise ValueError(f"partial_dependence: {unknown[0]!r} is not one of features.{hint}")
        if any(len(set(term)) < len(term) for term in terms):
            raise ValueError("partial_dependence: a pair must have two different features")
        if self.sobol & (self.sobol - 1):
            raise ValueError("sobol, the number of base samples, must be a power of two")
        return self
