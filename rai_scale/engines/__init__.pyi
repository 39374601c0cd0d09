from rai_scale.engines.choose import engine_named as engine_named
from rai_scale.engines.choose import engine_of as engine_of
from rai_scale.engines.protocol import Engine as Engine
