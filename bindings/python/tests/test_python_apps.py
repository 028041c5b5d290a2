"""Applications: a Flask app with Flask-Caching, a Django project, four processes, one cache."""

import os
import subprocess
import sys
import textwrap

import jaycache
import pytest

COMMON = """
import json, os, signal, sys
def workers(count, work):
    pids = []
    for number in range(count):
        pid = os.fork()
        if pid == 0:
            try:
                work(number)
                os._exit(0)
            except BaseException:
                import traceback
                traceback.print_exc()
                os._exit(1)
        pids.append(pid)
    assert all(os.waitpid(pid, 0)[1] == 0 for pid in pids)
"""

FLASK = """
from flask import Flask
from flask_caching import Cache
app = Flask(__name__)
app.config.update(CACHE_TYPE="jaycache.contrib.flask_caching.SharedMemoryCache",
                  CACHE_SHM_NAME=sys.argv[1], CACHE_KEY_PREFIX="app:", CACHE_DEFAULT_TIMEOUT=60)
cache = Cache(app)

@app.route("/page/<int:number>")
@cache.cached()
def page(number):
    cache.cache.inc("rendered")
    return f"page {number}"

@cache.memoize()
def square(number):
    cache.cache.inc("squared")
    return {"square": number * number}

def work(worker):
    client = app.test_client()
    for round in range(20):
        for number in range(10):
            assert client.get(f"/page/{number}").data == f"page {number}".encode()
            with app.app_context():
                assert square(number) == {"square": number * number}
    cache.cache.inc("workers")

with app.app_context():
    workers(4, work)
    assert cache.cache.get("workers") == 4
    # Two may render at the same moment; nobody renders what is there.
    assert 10 <= cache.cache.get("rendered") <= 40, cache.cache.get("rendered")
    assert 10 <= cache.cache.get("squared") <= 40
    cache.delete_memoized(square)
    square(3)
    cache.clear()
    assert cache.get("workers") is None

off = Cache(Flask("off"), config={"CACHE_TYPE": "jaycache.contrib.flask_caching.NullCache"})
with off.app.app_context():
    assert off.set("a", 1) and off.get("a") is None
"""

DJANGO = """
import django
from django.conf import settings
settings.configure(
    ROOT_URLCONF="__main__", DEBUG=False, ALLOWED_HOSTS=["*"], SECRET_KEY="x", USE_TZ=True,
    CACHES={"default": {"BACKEND": "jaycache.contrib.django.JaycacheCache",
                        "LOCATION": "shm:" + sys.argv[1], "KEY_PREFIX": "dj",
                        "OPTIONS": {"max_bytes": "16m"}}})
django.setup()
from django.core.cache import cache
from django.http import HttpResponse
from django.test import Client
from django.urls import path
from django.views.decorators.cache import cache_page

@cache_page(60)
def page(request, number):
    try:
        cache.incr("rendered")
    except ValueError:
        cache.add("rendered", 0)
        cache.incr("rendered")
    return HttpResponse(f"page {number}")

urlpatterns = [path("page/<int:number>", page)]

def work(worker):
    client = Client()
    for round in range(10):
        for number in range(5):
            assert client.get(f"/page/{number}").content == f"page {number}".encode()

workers(4, work)
assert 5 <= cache.get("rendered") <= 20, cache.get("rendered")
cache.set("none", None)
assert cache.get("none", "default") is None and cache.get("missing", "default") == "default"
assert cache.set_many({"a": 1, "b": [2]}) == [] and cache.get_many(["a", "b", "c"]) == {"a": 1, "b": [2]}
assert cache.incr("a", 5) == 6 and cache.decr("a") == 5
try:
    cache.incr("missing")
    raise SystemExit("a missing key was counted")
except ValueError:
    pass
assert cache.add("new", 1) and not cache.add("new", 2) and cache.touch("new", 10)
cache.set("gone", 1, timeout=0)
assert cache.get("gone") is None and "new" in cache
cache.set("v", 1, version=2)
assert cache.get("v") is None and cache.get("v", version=2) == 1
assert cache.get_or_set("made", lambda: "x") == "x"
cache.delete_many(["a", "b"])
assert cache.get_many(["a", "b"]) == {}
cache.clear()
assert cache.get("new") is None
"""

DJANGO_CONTRACT = """
import threading
from django.conf import settings
back_end = {"BACKEND": "jaycache.contrib.django.JaycacheCache"}
settings.configure(CACHES={
    "default": {**back_end, "LOCATION": "memory:"},
    "other": {**back_end, "LOCATION": "memory:", "VERSION": 2},
    "small": {**back_end, "LOCATION": "memory:", "OPTIONS": {"MAX_ENTRIES": 10, "CULL_FREQUENCY": 2}},
    "redis": {**back_end, "LOCATION": "redis://127.0.0.1:" + sys.argv[2]}})
from django.core.cache import cache, caches

# Every thread and every alias has an object of its own, on the same memory.
cache.set("a", 1)
seen = []
thread = threading.Thread(target=lambda: seen.extend([id(caches["default"]), cache.get("a"), cache.incr("a")]))
thread.start()
thread.join()
assert seen[1:] == [1, 2] and cache.get("a") == 2
assert caches["other"].get("a") is None and caches["other"].get("a", version=1) == 2
assert caches["small"].get("a") is None
for number in range(50):
    caches["small"].set(str(number), number)
assert 1 <= len(caches["small"].get_many([str(number) for number in range(50)])) <= 10

for each in (cache, caches["redis"]):
    each.set("none", None)
    assert each.get_many(["none", "missing"]) == {"none": None}
    assert each.get("none", 1) is None and each.get("missing", 1) == 1
    try:
        each.incr("none")
        raise SystemExit("None was counted")
    except TypeError:
        pass

# Misses are told from a stored None without being asked for again.
import redis
server = redis.Redis(port=int(sys.argv[2]))
server.config_resetstat()
assert caches["redis"].get_many(["x", "y", "none"]) == {"none": None} and caches["redis"].get("x") is None
calls = {name: each["calls"] for name, each in server.info("commandstats").items()}
assert calls.get("cmdstat_mget") == 1 and calls.get("cmdstat_get") == 1, calls
"""

INSTALLED = """
import jaycache
jaycache.install_as("cachelib")
import cachelib
assert cachelib.SimpleCache is jaycache.SimpleCache
from flask import Flask
from flask_caching import Cache
for kind, settings in {
    "SimpleCache": {}, "FileSystemCache": {"CACHE_DIR": sys.argv[2]}, "NullCache": {},
    "RedisCache": {"CACHE_REDIS_PORT": int(sys.argv[3])},
    "MemcachedCache": {"CACHE_MEMCACHED_SERVERS": ["127.0.0.1:" + sys.argv[4]]},
}.items():
    app = Flask(__name__)
    app.config.update(CACHE_TYPE=kind, CACHE_KEY_PREFIX="old:", **settings)
    cache = Cache(app)
    with app.app_context():
        stored = kind != "NullCache"
        assert isinstance(cache.cache, jaycache.BaseCache)
        assert cache.set("a", [1])
        assert cache.get("a") == ([1] if stored else None)
        assert cache.add("a", 2) is not stored
        assert cache.get_many("a", "b") == [[1] if stored else None, None]
        assert cache.set_many({"x": 1, "y": 2})
        cache.delete_many("x", "y")
        assert cache.get("x") is None
        assert cache.clear()
        assert cache.get("a") is None
"""


def run(tmp_path, script, *words):
    file = tmp_path / "program.py"
    file.write_text(COMMON + textwrap.dedent(script))
    done = subprocess.run(
        [sys.executable, str(file), *map(str, words)],
        capture_output=True,
        text=True,
        timeout=200,
        env=dict(os.environ, PYTHONPATH=os.pathsep.join(sys.path)),
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture
def shm_name(request):
    name = f"python-apps-{os.getpid()}"
    yield name
    jaycache.SharedMemoryCache.remove(name)


def test_flask(tmp_path, shm_name):
    run(tmp_path, FLASK, shm_name)


def test_django(tmp_path, shm_name):
    run(tmp_path, DJANGO, shm_name)


def test_django_contract(tmp_path, shm_name, redis_port):
    run(tmp_path, DJANGO_CONTRACT, shm_name, redis_port)


def test_flask_on_what_stands_in_for_cachelib(tmp_path, shm_name, redis_port, memcached_port):
    run(tmp_path, INSTALLED, shm_name, tmp_path / "files", redis_port, memcached_port)
