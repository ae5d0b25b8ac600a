"""Work for a pool of judging processes, which finds it by the name of this module."""

import os
import time
from pathlib import Path


def says_its_number(names, full, tell):
    Path(names[0], f"{os.getpid()}.pid").touch()
    time.sleep(600)


def end_at_once(names, full, tell):
    os.kill(os.getpid(), 9)
