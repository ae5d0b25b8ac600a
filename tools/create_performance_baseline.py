"""`groundspeed create PATH[::CALLABLE]` as a script of its own."""

import sys
from pathlib import Path

sys.path[0] = str(Path(__file__).resolve().parent.parent)

from tools.__main__ import main  # noqa: E402

if __name__ == "__main__":
    sys.argv.insert(1, "create")
    main()
