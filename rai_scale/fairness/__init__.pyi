from rai_scale.fairness.assessment.assess import assess_fairness as assess_fairness
from rai_scale.fairness.assessment.group_comparisons import four_fifths as four_fifths
from rai_scale.fairness.assessment.group_comparisons import pairwise_table as pairwise_table
from rai_scale.fairness.assessment.group_comparisons import reference_table as reference_table
from rai_scale.fairness.assessment.options import Comparison as Comparison
from rai_scale.fairness.assessment.result import FairnessResult as FairnessResult
from rai_scale.fairness.assessment.run_drift import by_window as by_window
from rai_scale.fairness.assessment.run_drift import drift as drift
from rai_scale.fairness.assessment.run_drift import read_run as read_run
from rai_scale.fairness.assessment.run_drift import window_changes as window_changes
from rai_scale.fairness.assessment.sample_size import rows_needed as rows_needed
from rai_scale.fairness.assessment.sample_size import smallest_gap as smallest_gap
from rai_scale.fairness.assessment.sample_size import smallest_gaps as smallest_gaps
from rai_scale.fairness.assessment.suppressing import Suppressed as Suppressed
from rai_scale.fairness.assessment.suppressing import suppressed as suppressed
from rai_scale.fairness.assessment.worst_combinations import worst_groups as worst_groups
from rai_scale.fairness.data_balance.measure_balance import balance as balance
from rai_scale.fairness.data_balance.result import BalanceResult as BalanceResult
from rai_scale.fairness.frame import metric_frame as metric_frame
from rai_scale.fairness.mitigation.candidates import ScoreThreshold as ScoreThreshold
from rai_scale.fairness.mitigation.candidates import evaluate_candidates as evaluate_candidates
from rai_scale.fairness.mitigation.gradient_reduction import (
    ExponentiatedGradientResult as ExponentiatedGradientResult,
)
from rai_scale.fairness.mitigation.gradient_reduction import (
    exponentiated_gradient as exponentiated_gradient,
)
from rai_scale.fairness.mitigation.grid_reduction import grid_search as grid_search
from rai_scale.fairness.mitigation.grid_result import GridSearchResult as GridSearchResult
from rai_scale.fairness.mitigation.options import MultiplierGrid as MultiplierGrid
from rai_scale.fairness.mitigation.options import ReductionSolver as ReductionSolver
from rai_scale.fairness.mitigation.options import TrainingRows as TrainingRows
from rai_scale.fairness.mitigation.pareto_front import ParetoResult as ParetoResult
from rai_scale.fairness.mitigation.pareto_front import pareto as pareto
from rai_scale.fairness.mitigation.row_weights import Reweighing as Reweighing
from rai_scale.fairness.mitigation.row_weights import reweighing as reweighing
from rai_scale.fairness.private.assess import assess_private as assess_private
from rai_scale.fairness.private.declared import Declared as Declared
from rai_scale.fairness.private.frame import PrivateMetricFrame as PrivateMetricFrame
from rai_scale.fairness.private.noisy_frame import private_metric_frame as private_metric_frame
from rai_scale.fairness.thresholds.calibration_curves import Calibration as Calibration
from rai_scale.fairness.thresholds.calibration_curves import calibration as calibration
from rai_scale.fairness.thresholds.curves import threshold_curves as threshold_curves
from rai_scale.fairness.thresholds.optimizer import (
    fit_threshold_optimizer as fit_threshold_optimizer,
)
from rai_scale.fairness.thresholds.result import FittedThresholds as FittedThresholds
from rai_scale.measures.between_groups import disparities as disparities
from rai_scale.measures.bootstrap_options import Bootstrap as Bootstrap
from rai_scale.measures.counted_frame import CountedMetricFrame as CountedMetricFrame
from rai_scale.measures.disparity_bands import disparity_table as disparity_table
