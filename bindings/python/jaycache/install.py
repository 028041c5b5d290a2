"""install.py - install_as: lets programs that import the original modules get these."""

import importlib
import sys
import types

from . import clockmodule

NAMES = {"werkzeug.contrib.cache": "jaycache.werkzeug", "cachelib": "jaycache.cachelib"}


def _parent(name):
    """The package that a module is put into: the real one, or an empty one in its place."""
    if name in sys.modules:
        return sys.modules[name]
    try:
        return importlib.import_module(name)
    except ImportError:
        package = types.ModuleType(name, "A place for the modules of jaycache.")
        package.__path__ = []
        sys.modules[name] = package
        if "." in name:
            above, last = name.rsplit(".", 1)
            setattr(_parent(above), last, package)
        return package


def _submodule(package, name, full_name):
    """A module such as cachelib.redis, made of what is in jaycache.cachelib."""
    names = package.SUBMODULES[name]
    if names is None:
        return importlib.import_module("jaycache." + name)
    module = clockmodule.ClockModule(full_name, package.__doc__)
    for each in names:
        setattr(module, each, getattr(package, each))
    module.time = clockmodule.REAL_TIME
    return module


def install_as(name):
    """Make `import NAME` give the module of jaycache that stands in for it.

    :param name: "werkzeug.contrib.cache", or "cachelib" with its submodules. Call it before the
                 program's own imports; who has imported the original keeps it.
    """
    if name not in NAMES:
        raise ValueError(f"install_as: one of {', '.join(NAMES)}, not {name!r}")
    module = importlib.import_module(NAMES[name])
    if "." in name:
        above, last = name.rsplit(".", 1)
        setattr(_parent(above), last, module)
    sys.modules[name] = module
    for part in getattr(module, "SUBMODULES", ()):
        full_name = f"{name}.{part}"
        sys.modules[full_name] = _submodule(module, part, full_name)
        setattr(module, part, sys.modules[full_name])
    return module
