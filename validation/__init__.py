"""Validation: does an optimization compute the same as its baseline?"""

from groundspeed.short_names import ShortNames

if __name__ == "validation":  # under its short name, as old claims have it
    ShortNames.ours = True
