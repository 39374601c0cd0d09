from rai_scale.synthetic.bins import Bins as Bins
from rai_scale.synthetic.domain import Values as Values
from rai_scale.synthetic.measure_utility import Utility as Utility
from rai_scale.synthetic.measure_utility import utility as utility
from rai_scale.synthetic.planning import Plan as Plan
from rai_scale.synthetic.synthesis import synthesize as synthesize
from rai_scale.synthetic.synthesizer import Synthesizer as Synthesizer
