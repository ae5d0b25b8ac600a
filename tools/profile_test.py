"""`python tools/profile_test.py PATH`: the verb ``profile``, as a script."""

import os
import sys

if __name__ == "__main__":
    # This folder holds modules whose names the standard library has too.
    sys.path[0] = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    from tools.__main__ import main

    sys.argv.insert(1, "profile")
    main()
