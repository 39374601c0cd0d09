from rai_scale.error_analysis.cell_metrics import METRICS as METRICS
from rai_scale.error_analysis.cohorts.files import load_cohorts as load_cohorts
from rai_scale.error_analysis.cohorts.files import save_cohorts as save_cohorts
from rai_scale.error_analysis.cohorts.one_cohort import Cohort as Cohort
from rai_scale.error_analysis.cohorts.one_cohort import cohort as cohort
from rai_scale.error_analysis.trees.make_tree import error_tree as error_tree
from rai_scale.error_analysis.trees.result import ErrorTree as ErrorTree
