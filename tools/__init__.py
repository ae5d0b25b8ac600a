"""Commands, timing, costs, profiling and reports."""

from groundspeed.short_names import ShortNames

if __name__ == "tools":  # under its short name, as old claims have it
    ShortNames.ours = True
