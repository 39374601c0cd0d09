from rai_scale.samples.lake import SampleLake as SampleLake
from rai_scale.samples.lake import make_sample_lake as make_sample_lake
from rai_scale.samples.truth import planted_values as planted_values
