"""No garbage is looked for while the server of candidates imports what they need.

Importing this is all; each candidate that is forked looks for its own.
"""

import gc

gc.disable()
