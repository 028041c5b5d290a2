"""python_originals.py - cachelib itself, for tests that compare with it.

Other tests put jaycache in its place; conftest.py imports this before they can.
"""

import cachelib

assert cachelib.SimpleCache.__module__.startswith("cachelib")
