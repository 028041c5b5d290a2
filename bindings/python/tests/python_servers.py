"""python_servers.py - memcached and Redis for the tests, on ports of the kernel's choice."""

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def _answers(port, question, answer):
    try:
        with socket.create_connection(("127.0.0.1", port), 2) as stream:
            stream.sendall(question)
            return stream.recv(64).startswith(answer)
    except OSError:
        return False


def _start(make_command, question, answer):
    """Starts a server; tries another port when someone was faster."""
    for _ in range(5):
        port = free_port()
        server = subprocess.Popen(make_command(port), stdout=subprocess.DEVNULL)
        deadline = time.monotonic() + 30
        while server.poll() is None and time.monotonic() < deadline:
            if _answers(port, question, answer):
                return server, port
            time.sleep(0.02)
        _stop(server)
    raise RuntimeError("the server does not start")


def _stop(server):
    if server.poll() is None:
        server.send_signal(signal.SIGKILL)
    server.wait()


@contextlib.contextmanager
def redis_server():
    folder = tempfile.mkdtemp(prefix="jaycache-python-")

    def command(port):
        words = ["redis-server", "--bind", "127.0.0.1", "--port", str(port), "--dir", folder]
        return [*words, "--save", "", "--appendonly", "no"]

    server, port = _start(command, b"PING\r\n", b"+PONG")
    try:
        yield port
    finally:
        _stop(server)
        shutil.rmtree(folder)


@contextlib.contextmanager
def memcached_server():
    def command(port):
        words = ["memcached", "-l", "127.0.0.1", "-p", str(port), "-U", "0", "-m", "64"]
        return words + (["-u", "nobody"] if os.getuid() == 0 else [])

    server, port = _start(command, b"version\r\n", b"VERSION")
    try:
        yield port
    finally:
        _stop(server)
