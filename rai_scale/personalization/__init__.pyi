from rai_scale.personalization.bursts import Bursts as Bursts
from rai_scale.personalization.bursts import find_bursts as find_bursts
from rai_scale.personalization.consent import Consents as Consents
from rai_scale.personalization.consent import apply_consent as apply_consent
from rai_scale.personalization.exposure_audit import audit_exposure as audit_exposure
from rai_scale.personalization.exposure_result import Exposure as Exposure
from rai_scale.personalization.feature_audit import audit_features as audit_features
from rai_scale.personalization.feature_result import FeatureAudit as FeatureAudit
from rai_scale.personalization.log_check import LogCheck as LogCheck
from rai_scale.personalization.log_check import check_log as check_log
from rai_scale.personalization.log_contract import LogContract as LogContract
from rai_scale.personalization.moved_elements import MovedElements as MovedElements
from rai_scale.personalization.moved_elements import (
    find_moved_elements as find_moved_elements,
)
from rai_scale.personalization.policy_result import PolicyValues as PolicyValues
from rai_scale.personalization.policy_values import evaluate_policy as evaluate_policy
from rai_scale.personalization.report_book import ReportBook as ReportBook
from rai_scale.personalization.report_book import Reports as Reports
from rai_scale.personalization.reward_conflicts import RewardConflicts as RewardConflicts
from rai_scale.personalization.reward_conflicts import (
    find_reward_conflicts as find_reward_conflicts,
)
from rai_scale.personalization.snapshots import Replay as Replay
from rai_scale.personalization.snapshots import replay as replay
from rai_scale.personalization.snapshots import save_snapshot as save_snapshot
from rai_scale.personalization.use_cases import UseCase as UseCase
from rai_scale.personalization.use_cases import register_of as register_of
