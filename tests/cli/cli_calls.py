"""cli_calls.py - running the jaycache command in tests: its path is the first argument, that of
the one with canned answers the second."""

import json
import os
import pty
import subprocess
import sys
import threading

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


def read_to_end(master):
    """What a terminal shows until its other side is closed, which Linux reports as an error."""
    shown = b""
    while True:
        try:
            piece = os.read(master, 65536)
        except OSError:
            return shown
        if not piece:
            return shown
        shown += piece


def call_on_terminal(
    program, *arguments, streams=("stderr",), typed=b"", term="xterm", url="memory:"
):
    """
    Runs the command with these of its streams on a terminal of their own; the others are pipes.
    Returns (status, standard output if it is a pipe, what the terminal showed).
    """
    master, slave = pty.openpty()
    given = {name: slave for name in streams}
    running = subprocess.Popen(
        [program, "-u", url, *arguments],
        stdin=given.get("stdin", subprocess.DEVNULL),
        stdout=given.get("stdout", subprocess.PIPE),
        stderr=given.get("stderr", subprocess.PIPE),
        env=environment(TERM=term),
    )
    os.close(slave)
    late = threading.Timer(TIME_LIMIT_S, running.kill)
    late.start()
    try:
        os.write(master, typed)
        shown = read_to_end(master)
        stdout, _ = running.communicate(timeout=TIME_LIMIT_S)
    finally:
        running.kill()
        late.cancel()
        os.close(master)
    return running.returncode, stdout, shown
