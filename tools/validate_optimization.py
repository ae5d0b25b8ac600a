"""`groundspeed validate NAME` as a script of its own."""

import runpy
import sys
from pathlib import Path

if __name__ == "__main__":
    sys.path[0] = str(Path(__file__).resolve().parent.parent)
    sys.argv.insert(1, "validate")
    runpy.run_module("groundspeed", run_name="__main__")
