"""cli_calls.py - running the jaycache command in tests: its path is the first argument, that of
the one with canned answers the second."""

import json
import os
import subprocess
import sys

JAYCACHE = os.path.abspath(sys.argv[1])
CANNED = os.path.abspath(sys.argv[2]) if len(sys.argv) > 2 else None
TIME_LIMIT_S = 120


def environment(**more):
    """The environment of a call: no URL, no terminal, besides what `more` says."""
    result = {name: value for name, value in os.environ.items() if name != "JAYCACHE_URL"}
    result.update(LC_ALL="C", TERM="dumb")
    result.update(more)
    return result


def call(*arguments, stdin=b"", program=JAYCACHE, url="memory:", env=None):
    """Runs the command; the result has returncode, stdout and stderr, bytes."""
    return subprocess.run(
        [program, *(["-u", url] if url else []), *arguments],
        input=stdin,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=env or environment(),
        timeout=TIME_LIMIT_S,
        check=False,
    )


def batch(script, *arguments, url="memory:"):
    """Runs lines (text or bytes) on one cache; returns the call and its results, from JSON."""
    if isinstance(script, str):
        script = script.encode()
    done = call("--json", "batch", *arguments, stdin=script, url=url)
    return done, [json.loads(line) for line in done.stdout.decode().splitlines()]
