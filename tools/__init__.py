"""Commands, timing, costs, profiling and reports."""

import groundspeed  # noqa: F401 under its short name as well, modules are the same
