"""Configuration of ``rai-scale train-ebm``."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal

from pydantic import BeforeValidator, Field, model_validator

from rai_scale.errors import did_you_mean
from rai_scale.glassbox.options import EBMParams, Shards
from rai_scale.jobs.config import JobConfig
from rai_scale.jobs.private_options import PrivateOptions, need_unit

_EBM_ONLY = ("shards", "interactions", "ebm_params", "sample_weight")
_PRIVATE_ONLY = ("privacy_bounds", "classes", "bin_budget_frac")
_NOT_PRIVATE = (
    *("shards", "interactions", "sample_weight", "mlflow"),
    *("holdout", "key_columns", "sensitive_features", "feature_types", "random_state"),
)
_PRIVATE_PARAMS = {"max_bins", "max_rounds", "max_leaves", "learning_rate"}


def _shards_block(value: Any) -> Any:
    return {"count": value} if isinstance(value, int) else value


class EBMJob(JobConfig):
    """Configuration of ``rai-scale train-ebm``.

    ``model`` chooses the kind of model. With ``private`` a private EBM is trained (see
    :func:`~rai_scale.glassbox.private_ebm.train_private_ebm`), and all outputs are made from its
    release alone. ``privacy_bounds`` then has the public range of each feature, or the list of its
    categories, and ``classes`` the two public values of ``y_true``.
    """

    old_keys: ClassVar[dict[str, tuple[str, ...]]] = {
        **{
            name: (f"ebm_params.{name}",)
            for name in ("learning_rate", "max_bins", "max_rounds", "outer_bags")
        },
        "min_rows_per_shard": ("shards.min_rows",),
        "private.bounds": ("privacy_bounds",),
        "private.max_leaves": ("ebm_params.max_leaves",),
        **{f"private.{name}": (name,) for name in ("classes", "bin_budget_frac")},
    }

    short_forms: ClassVar[dict[str, str]] = {"shards": "count"}

    source: str
    table: str | None = None
    model: Literal["ebm", "linear", "tree", "aplr"] = "ebm"
    private: PrivateOptions | None = None
    privacy_bounds: dict[str, tuple[float, float] | tuple[str, ...]] = Field(default_factory=dict)
    classes: tuple[bool | int | float | str, bool | int | float | str] | None = None
    bin_budget_frac: float = Field(0.1, gt=0, lt=1)
    features: tuple[str, ...] = Field(min_length=1)
    y_true: str
    task: Literal["classification", "regression"] | None = None
    shards: Annotated[
        Shards, BeforeValidator(_shards_block, json_schema_input_type=int | Shards)
    ] = Shards()
    feature_types: dict[str, Literal["continuous", "nominal"] | tuple[float, ...]] = Field(
        default_factory=dict
    )
    interactions: int | float | str | tuple[tuple[str, str], ...] = "3x"
    ebm_params: EBMParams = EBMParams()
    sample_weight: str | None = None
    key_columns: tuple[str, ...] = ()
    holdout: float = Field(0.2, ge=0, lt=1)
    sensitive_features: tuple[str, ...] = ()
    random_state: int = Field(0, ge=0)

    @model_validator(mode="after")
    def _fitting(self) -> EBMJob:
        """Refuse options that would be ignored."""
        self._check_names()
        if self.private is not None:
            self._check_private(self.private)
            self._refuse(_NOT_PRIVATE, "a private EBM")
            unfit = sorted(self.ebm_params.given().keys() - _PRIVATE_PARAMS)
            if unfit:
                raise ValueError(f"a private EBM does not take ebm_params.{unfit[0]}")
            return self
        self._refuse(_PRIVATE_ONLY, "a model without private")
        if self.model != "ebm":
            self._refuse(_EBM_ONLY, f"model: {self.model}")
        return self

    def _check_private(self, private: PrivateOptions) -> None:
        if self.model != "ebm":
            raise ValueError("private needs model: ebm")
        if self.task == "regression":
            raise ValueError("a private EBM is for two classes: turn y_true into two classes")
        need_unit(private)
        if not self.privacy_bounds or self.classes is None:
            raise ValueError("a private EBM needs privacy_bounds and classes")
        if private.epsilon is None or not private.delta:
            raise ValueError("a private EBM needs private.epsilon and private.delta, not rho")

    def _check_names(self) -> None:
        pairs = self.interactions if isinstance(self.interactions, tuple) else ()
        named = {"feature_types": list(self.feature_types)}
        named["interactions"] = [name for pair in pairs for name in pair]
        named["privacy_bounds"] = list(self.privacy_bounds)
        known = [*self.features, self.y_true]
        for option, names in named.items():
            for name in names:
                if name not in known:
                    hint = did_you_mean(name, known)
                    raise ValueError(f"{option}: {name!r} is not one of features.{hint}")

    def _refuse(self, names: tuple[str, ...], what: str) -> None:
        fields = type(self).model_fields
        default = {name: fields[name].get_default(call_default_factory=True) for name in names}
        given = [name for name in names if getattr(self, name) != default[name]]
        if given:
            raise ValueError(f"{what} does not take {', '.join(given)}")

    def given(self, *names: str) -> dict[str, Any]:
        """Return those options, of the job or of ``ebm_params``, that the configuration sets."""
        own = {name: getattr(self, name) for name in names if name in self.model_fields_set}
        found = {**own, **self.ebm_params.given()}
        return {name: found[name] for name in names if found.get(name) is not None}
