from rai_scale.models.background import Background as Background
from rai_scale.models.background import sample_rows as sample_rows
from rai_scale.models.files import load_model as load_model
from rai_scale.models.model import CheckedModel as CheckedModel
from rai_scale.models.model import Model as Model
from rai_scale.models.model import check_model as check_model
