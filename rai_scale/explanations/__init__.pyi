from rai_scale.explanations.local.explaining import Explanation as Explanation
from rai_scale.explanations.local.explaining import explain as explain
from rai_scale.explanations.local.explaining import plan_explanation as plan_explanation
from rai_scale.explanations.local.interpret_local import to_interpret_local as to_interpret_local
from rai_scale.explanations.local.lime import lime_seeds as lime_seeds
from rai_scale.explanations.local.reasons import add_reasons as add_reasons
from rai_scale.explanations.local.value_sampling import ValueSampling as ValueSampling
from rai_scale.explanations.overall.dependence import partial_dependence as partial_dependence
from rai_scale.explanations.overall.dependence_result import Ice as Ice
from rai_scale.explanations.overall.dependence_result import PartialDependence as PartialDependence
from rai_scale.explanations.overall.grids import FeatureGrid as FeatureGrid
from rai_scale.explanations.overall.ice_lines import ice as ice
from rai_scale.explanations.overall.importance_result import Importance as Importance
from rai_scale.explanations.overall.mean_importance import importance as importance
from rai_scale.explanations.overall.permutation import (
    PermutationImportance as PermutationImportance,
)
from rai_scale.explanations.overall.permutation import (
    permutation_importance as permutation_importance,
)
from rai_scale.explanations.overall.sensitivity import morris as morris
from rai_scale.explanations.overall.sensitivity import sobol as sobol
from rai_scale.explanations.overall.sensitivity_result import Morris as Morris
from rai_scale.explanations.overall.sensitivity_result import Sobol as Sobol
from rai_scale.models.background import Background as Background
from rai_scale.models.model import Model as Model
