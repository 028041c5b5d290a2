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
def redis_server(*options):
    folder = tempfile.mkdtemp(prefix="jaycache-python-")

    def command(port):
        words = ["redis-server", "--bind", "127.0.0.1", "--port", str(port), "--dir", folder]
        return [*words, "--save", "", "--appendonly", "no", *options]

    server, port = _start(command, b"PING\r\n", b"+PONG")
    try:
        yield port
    finally:
        _stop(server)
        shutil.rmtree(folder)


@contextlib.contextmanager
def redis_cluster():
    """A cluster of one node, which has all slots."""
    import redis

    with redis_server("--cluster-enabled", "yes", "--cluster-port", str(free_port())) as port:
        node = redis.Redis(port=port)
        node.execute_command("CLUSTER", "ADDSLOTSRANGE", 0, 16383)
        deadline = time.monotonic() + 30
        while node.execute_command("CLUSTER INFO")["cluster_state"] != "ok":
            assert time.monotonic() < deadline
            time.sleep(0.02)
        yield port


@contextlib.contextmanager
def redis_sentinel(port, master):
    """A Sentinel that watches over the server on the port."""
    folder = tempfile.mkdtemp(prefix="jaycache-python-")
    file = os.path.join(folder, "sentinel.conf")
    with open(file, "w", encoding="ascii") as stream:
        stream.write(f"sentinel monitor {master} 127.0.0.1 {port} 1\n")

    def command(port):
        words = ["redis-server", file, "--sentinel", "--bind", "127.0.0.1", "--port", str(port)]
        return [*words, "--dir", folder]

    server, sentinel_port = _start(command, b"PING\r\n", b"+PONG")
    try:
        yield sentinel_port
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
