from rai_scale.risk.anonymity_result import Anonymity as Anonymity
from rai_scale.risk.column_sets import risky_columns as risky_columns
from rai_scale.risk.find_levels import generalise as generalise
from rai_scale.risk.generalise_result import Generalisation as Generalisation
from rai_scale.risk.linkage import linkage_attack as linkage_attack
from rai_scale.risk.linkage import linkage_pairs as linkage_pairs
from rai_scale.risk.linkage_result import Linkage as Linkage
from rai_scale.risk.measure_anonymity import anonymity as anonymity
