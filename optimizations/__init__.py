"""Optimizations, one folder each; nothing lists them. How they are imported, groundspeed says."""

import os
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))  # asv does not

from groundspeed.validation.records import leaf_imports  # noqa: E402

leaf_imports.install()
