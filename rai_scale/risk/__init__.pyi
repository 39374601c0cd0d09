from rai_scale.risk.anonymity_result import Anonymity as Anonymity
from rai_scale.risk.column_sets import risky_columns as risky_columns
from rai_scale.risk.measure_anonymity import anonymity as anonymity
