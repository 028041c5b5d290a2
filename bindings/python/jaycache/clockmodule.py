"""clockmodule.py - a module whose `time` can be replaced, as tests of the original do.

Setting the attribute `time` of such a module (monkeypatch, freezegun) moves the clock by which the
entries of SimpleCache, FileSystemCache and SharedMemoryCache expire in this process.
"""

import sys
import time as real
import types

from . import _jaycache


class ClockModule(types.ModuleType):
    """A module that tells the caches when its `time` is set."""

    def __setattr__(self, name, value):
        super().__setattr__(name, value)
        if name == "time":
            _jaycache.set_clock(None if value is REAL_TIME else value)


REAL_TIME = real.time


def watch(name):
    """Makes the module of that name one whose `time` counts."""
    module = sys.modules[name]
    module.__class__ = ClockModule
