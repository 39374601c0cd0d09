from rai_scale.glassbox.ebm import EBMResult as EBMResult
from rai_scale.glassbox.ebm import train_ebm as train_ebm
from rai_scale.glassbox.private_ebm import PrivateEBMResult as PrivateEBMResult
from rai_scale.glassbox.private_ebm import train_private_ebm as train_private_ebm
from rai_scale.glassbox.score import score_ebm as score_ebm
from rai_scale.glassbox.simple import GlassboxResult as GlassboxResult
from rai_scale.glassbox.simple import train_glassbox as train_glassbox
from rai_scale.glassbox.simple_score import score_glassbox as score_glassbox
