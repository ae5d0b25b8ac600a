"""Turns garbage collection off while the fork server imports.

Importing this is all; each candidate that is forked looks for its own.
"""

import gc

gc.disable()
