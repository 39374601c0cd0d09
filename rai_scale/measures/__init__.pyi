from rai_scale.measures.between_groups import disparities as disparities
from rai_scale.measures.bootstrap_options import Bootstrap as Bootstrap
from rai_scale.measures.counted_frame import CountedMetricFrame as CountedMetricFrame
from rai_scale.measures.disparity_bands import disparity_table as disparity_table
from rai_scale.measures.metrics import MetricError as MetricError
from rai_scale.measures.model_performance.by_group import Performance as Performance
from rai_scale.measures.model_performance.by_group import performance as performance
from rai_scale.measures.model_performance.regression import (
    regression_residuals as regression_residuals,
)
