"""conftest.py - what the tests of the Python package share: servers, one of each for a file."""

import os
import sys

import pytest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import python_originals  # noqa: E402,F401
import python_servers  # noqa: E402


@pytest.fixture(scope="module")
def redis_port():
    with python_servers.redis_server() as port:
        yield port


@pytest.fixture(scope="module")
def memcached_port():
    with python_servers.memcached_server() as port:
        yield port


@pytest.fixture(autouse=True)
def real_clock():
    yield
    from jaycache import _jaycache

    _jaycache.set_clock(None)
