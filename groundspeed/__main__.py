"""``python -m groundspeed``: the command line."""

from groundspeed.tools.__main__ import main

if __name__ == "__main__":
    main()
