"""Configuration of ``rai-scale synthesize``."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field, model_validator

from rai_scale.jobs.config import JobConfig
from rai_scale.jobs.private_options import PrivateOptions, need_unit


class SynthesizeJob(JobConfig):
    """Configuration of ``rai-scale synthesize``; most keys are the arguments of ``synthesize``.

    ``domain`` declares each column: a list of values, or a block with ``values`` (and ``other``,
    ``nullable``) or with ``edges`` (and ``grid``, ``nullable``). ``rows`` are drawn from the model
    with ``random_state``; by default as many as the table has, as estimated. ``utility`` compares
    the table with the sample: ``internal`` writes exact numbers, which are not to be published,
    and ``utility_epsilon`` pays for averages with noise instead.
    """

    source: str
    table: str | None = None
    columns: tuple[str, ...] | None = None
    domain: dict[str, Any] = Field(min_length=1)
    private: PrivateOptions
    method: Literal["mst", "aim", "mwem", "fixed"] = "mst"
    max_rows: int = Field(1, ge=1)
    workload: int | tuple[tuple[str, ...], ...] = 2
    max_model_mb: float = Field(80.0, gt=0)
    max_cells: int = Field(1_000_000, ge=1)
    rounds: int | None = Field(None, ge=1)
    constraints: tuple[dict[str, Any], ...] = ()
    rows: int | None = Field(None, ge=0)
    random_state: int = 0
    utility: Literal["internal", "none"] = "none"
    utility_epsilon: float | None = Field(None, gt=0)

    @model_validator(mode="after")
    def _sound(self) -> SynthesizeJob:
        need_unit(self.private)
        if self.utility == "internal" and self.utility_epsilon is not None:
            raise ValueError("give utility: internal or utility_epsilon, not both")
        if self.mlflow:
            raise ValueError("mlflow: private releases are not logged; leave it out")
        return self
