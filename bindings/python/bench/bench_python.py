#!/usr/bin/env python3
"""bench_python.py - the Python package beside cachelib, pylibmc, redis-py and diskcache, in one run.

    bench_python.py [--json] [--rounds N] [--only TEXT] [--dir DIRECTORY]

A round measures, for each figure, both sides one right after the other, and the next round in
the other order; a figure is the median over the rounds of their ratio in time, with the smallest
and the largest. Microseconds of one call (of one key in a batch) of each side are reported as
well. Run it by ./dev bench python.

Servers are reached by Unix sockets from both sides, as in the benchmarks of the library in C.
Figures with `tcp` in their name are the same over the loopback address, where the kernel's share
of a call is larger and the same for both. Those with `socket` are the limit of what sleeps until a
server answers: a prepared request, and its reply read into a buffer, by a socket of Python, with
nothing made of it.
"""

import argparse
import json
import os
import shutil
import statistics
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(HERE), "tests"))

import cachelib  # noqa: E402
import diskcache  # noqa: E402
import jaycache  # noqa: E402
import pylibmc  # noqa: E402
import python_servers  # noqa: E402

SMALL = "a fragment of a page, " * 4 + "100 bytes..."
PAGE = "<li>An entry of a list of some length</li>\n" * 24
RECORD = {"id": 17, "name": "somebody", "tags": ["a", "b"], "score": 1.5}
KEYS = [f"view//entries/{number:06d}" for number in range(400)]
GOALS = {
    "python.simple.get.vs_cachelib": 4,
    "python.simple.set.vs_cachelib": 4,
    "python.shm.get.vs_cachelib_simple": 3,
    "python.file.get.vs_cachelib": 10,
    "python.file.set.vs_cachelib": 30,
    "python.file.get.vs_diskcache": 5,
    "python.file.set.vs_diskcache": 20,
    "python.redis.get.vs_cachelib": 2,
    "python.redis.get_many100.vs_cachelib": 3,
    "python.memcached.get.vs_pylibmc": 1,
    "python.memcached.set_many100.vs_pylibmc": 8,
}


def gets(get, wanted):
    def work():
        for key in KEYS:
            value = get(key)
        assert value == wanted

    return work, len(KEYS)


def sets(store, value):
    def work():
        for key in KEYS:
            done = store(key, value)
        assert done

    return work, len(KEYS)


def batches(call, argument, expected):
    def work():
        done = call(*argument)
        assert len(done) == expected

    return work, 100


def microseconds(work, calls, at_least_s):
    """The time of one call, over as many repetitions as take some time."""
    repetitions, started = 0, time.perf_counter()
    while True:
        work()
        repetitions += 1
        taken = time.perf_counter() - started
        if taken >= at_least_s:
            return taken / repetitions / calls * 1e6


class Report:
    """Collects the rounds of each figure."""

    def __init__(self, is_json):
        self.is_json = is_json
        self.names, self.values = [], {}

    def add(self, name, value):
        if name not in self.values:
            self.names.append(name)
        self.values.setdefault(name, []).append(value)

    def lines(self):
        for name in self.names:
            runs = self.values[name]
            figure = {
                "figure": name,
                "value": round(statistics.median(runs), 3),
                "unit": "us" if name.endswith(".us") else "ratio",
                "min": round(min(runs), 3),
                "max": round(max(runs), 3),
                "runs": len(runs),
            }
            if self.is_json:
                yield json.dumps(figure)
                continue
            goal = GOALS.get(name)
            remark = ""
            if goal is not None:
                remark = f"  goal {goal}: " + ("met" if figure["value"] >= goal else "missed")
            span = f"({figure['min']:g} to {figure['max']:g})"
            yield f"{name:<46} {figure['value']:>9.3f} {figure['unit']:<6} {span}{remark}"


def local_pairs(place):
    simple, peer = jaycache.SimpleCache(), cachelib.SimpleCache()
    shared = jaycache.SharedMemoryCache(f"bench-python-{os.getpid()}")
    for cache in (simple, peer, shared):
        cache.set_many({key: SMALL for key in KEYS}, 0)
    yield ("python.simple.get.vs_cachelib", gets(simple.get, SMALL), gets(peer.get, SMALL))
    yield ("python.shm.get.vs_cachelib_simple", gets(shared.get, SMALL), gets(peer.get, SMALL))
    yield ("python.simple.set.vs_cachelib", sets(simple.set, SMALL), sets(peer.set, SMALL))
    yield ("python.simple.set_dict.vs_cachelib", sets(simple.set, RECORD), sets(peer.set, RECORD))
    yield (
        "python.simple.get_dict.vs_cachelib", gets(simple.get, RECORD), gets(peer.get, RECORD)
    )
    jaycache.SharedMemoryCache.remove(f"bench-python-{os.getpid()}")


def file_pairs(place):
    ours = jaycache.FileSystemCache(os.path.join(place, "ours"), threshold=0)
    peer = cachelib.FileSystemCache(os.path.join(place, "cachelib"), threshold=0)
    disk = diskcache.Cache(os.path.join(place, "diskcache"))
    for cache in (ours, peer, disk):
        for key in KEYS:
            cache.set(key, PAGE)
    for name, other in (("cachelib", peer), ("diskcache", disk)):
        yield (f"python.file.get.vs_{name}", gets(ours.get, PAGE), gets(other.get, PAGE))
        yield (f"python.file.set.vs_{name}", sets(ours.set, PAGE), sets(other.set, PAGE))


def exchanges(place, request, size, calls):
    """One request and the bytes of its reply, again and again, as a limit."""
    stream = python_servers.connect(place)
    stream.settimeout(None)
    room = memoryview(bytearray(1 << 20))

    def work():
        for _ in range(0, len(KEYS), calls):
            stream.send(request)
            got = stream.recv_into(room)
            while got < size:
                got += stream.recv_into(room)
        assert got == size

    return work, len(KEYS)


def resp(*words):
    parts = [f"*{len(words)}\r\n"] + [f"${len(word)}\r\n{word}\r\n" for word in words]
    return "".join(parts).encode()


def redis_pairs(place, infix=""):
    import redis

    if isinstance(place, int):
        ours = jaycache.RedisCache("127.0.0.1", place)
        bare = redis.Redis("127.0.0.1", place)
    else:
        ours = jaycache.RedisCache(place)
        bare = redis.Redis(unix_socket_path=place)
    peer = cachelib.RedisCache(bare)
    peer.set_many({key: PAGE for key in KEYS})
    hundred = KEYS[:100]
    yield (f"python.redis.get.{infix}vs_cachelib", gets(ours.get, PAGE), gets(peer.get, PAGE))
    stored = bare.get(KEYS[0])
    yield (f"python.redis.get.{infix}vs_redis_py", gets(ours.get, PAGE), gets(bare.get, stored))
    yield (
        f"python.redis.get_many100.{infix}vs_cachelib",
        batches(ours.get_many, hundred, 100),
        batches(peer.get_many, hundred, 100),
    )
    reply = len(b"$%d\r\n%b\r\n" % (len(stored), stored))
    get, mget = resp("GET", KEYS[0]), resp("MGET", *hundred)
    limit = exchanges(place, get, reply, 1)
    yield (f"python.redis.get.{infix}socket_vs_cachelib", limit, gets(peer.get, PAGE))
    limit = exchanges(place, mget, len(b"*100\r\n") + 100 * reply, 100)
    peers = batches(peer.get_many, hundred, 100)
    yield (f"python.redis.get_many100.{infix}socket_vs_cachelib", limit, peers)


def memcached_pairs(place, infix=""):
    server = f"127.0.0.1:{place}" if isinstance(place, int) else place
    ours = jaycache.MemcachedCache([server])
    peer = pylibmc.Client([server])
    peer.set_multi({key: PAGE for key in KEYS})
    hundred = {key: PAGE for key in KEYS[:100]}
    yield (f"python.memcached.get.{infix}vs_pylibmc", gets(ours.get, PAGE), gets(peer.get, PAGE))
    yield (
        f"python.memcached.set_many100.{infix}vs_pylibmc",
        batches(ours.set_many, [hundred], 100),
        batches(peer.set_multi, [hundred], 0),
    )
    reply = len(b"VALUE %b 16 %d\r\n%b\r\nEND\r\n" % (KEYS[0].encode(), len(PAGE), PAGE.encode()))
    limit = exchanges(place, b"get %b\r\n" % KEYS[0].encode(), reply, 1)
    yield (f"python.memcached.get.{infix}socket_vs_pylibmc", limit, gets(peer.get, PAGE))


def measure(report, pairs, arguments):
    pairs = [each for each in pairs if arguments.only in each[0]]
    for _, ours, theirs in pairs:
        ours[0](), theirs[0]()
    for number in range(arguments.rounds):
        for figure, *sides in pairs:
            taken = [0, 0]
            for side in (0, 1) if number % 2 == 0 else (1, 0):
                taken[side] = microseconds(*sides[side], 0.05)
            report.add(figure + ".ours.us", taken[0])
            report.add(figure + ".theirs.us", taken[1])
            report.add(figure, taken[1] / taken[0])


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--json", action="store_true", help="one JSON object a line")
    parser.add_argument("--rounds", type=int, default=7, help="how often each figure is measured")
    parser.add_argument("--only", default="", help="figures whose name has this in it")
    parser.add_argument("--dir", default=None, help="where the files go; by default the build's disk")
    arguments = parser.parse_args()
    report = Report(arguments.json)
    package = os.path.dirname(os.path.dirname(os.path.abspath(jaycache.__file__)))
    place = tempfile.mkdtemp(prefix="bench-python-", dir=arguments.dir or package)
    try:
        simple_pairs = list(local_pairs(place))
        # Texts first, then dicts: each measures what the pair before it has stored.
        measure(report, simple_pairs[:3], arguments)
        measure(report, simple_pairs[3:], arguments)
        measure(report, list(file_pairs(place)), arguments)
        with python_servers.redis_on_socket() as path:
            measure(report, list(redis_pairs(path)), arguments)
        with python_servers.redis_server() as port:
            measure(report, list(redis_pairs(port, "tcp.")), arguments)
        with python_servers.memcached_on_socket() as path:
            measure(report, list(memcached_pairs(path)), arguments)
        with python_servers.memcached_server() as port:
            measure(report, list(memcached_pairs(port, "tcp.")), arguments)
    finally:
        shutil.rmtree(place)
    for line in report.lines():
        print(line)


if __name__ == "__main__":
    main()
