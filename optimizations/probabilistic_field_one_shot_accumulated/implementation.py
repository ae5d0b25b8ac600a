"""The one-shot seeding with gifts to one cell added up: the cure that suggests itself.

Negative result. Energy is conserved again, but a cell that should stop taking once it is lit
takes all that its 24 neighbours offer.
"""

from baselines.engine import replace_stage
from baselines.probabilistic_field_v1 import engine as baseline
from optimizations.probabilistic_field_one_shot_seeding.implementation import at_once

engine = replace_stage(baseline, push_and_seed=at_once(accumulate=True))
