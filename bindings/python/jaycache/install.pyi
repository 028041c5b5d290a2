"""Types of install.py."""

from types import ModuleType

def install_as(name: str) -> ModuleType: ...
