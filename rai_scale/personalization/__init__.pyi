from rai_scale.personalization.log_check import LogCheck as LogCheck
from rai_scale.personalization.log_check import check_log as check_log
from rai_scale.personalization.log_contract import LogContract as LogContract
from rai_scale.personalization.policy_result import PolicyValues as PolicyValues
from rai_scale.personalization.policy_values import evaluate_policy as evaluate_policy
from rai_scale.personalization.use_cases import UseCase as UseCase
from rai_scale.personalization.use_cases import register_of as register_of
