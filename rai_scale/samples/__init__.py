"""A sample lake for demos, tests and benchmarks, with the truth about its personal data."""

from rai_scale.samples.lake import SampleLake, make_sample_lake
from rai_scale.samples.truth import planted_values

__all__ = ["SampleLake", "make_sample_lake", "planted_values"]
