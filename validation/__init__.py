"""Validation: does an optimization compute the same as its baseline?"""

import groundspeed  # noqa: F401 under its short name as well, modules are the same
