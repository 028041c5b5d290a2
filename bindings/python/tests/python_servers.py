"""python_servers.py - memcached and Redis for the tests, on ports of the kernel's choice, or, for those
who name one, on a Unix socket."""

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


def connect(place):
    if isinstance(place, int):
        return socket.create_connection(("127.0.0.1", place), 2)
    stream = socket.socket(socket.AF_UNIX)
    stream.settimeout(2)
    stream.connect(place)
    return stream


def _answers(place, question, answer):
    try:
        with connect(place) as stream:
            stream.sendall(question)
            return stream.recv(64).startswith(answer)
    except OSError:
        return False


def _start(make_command, question, answer):
    """Starts a server; tries another port when someone was faster."""
    for _ in range(5):
        port = free_port()
        server = _launch(make_command(port), port, question, answer)
        if server is not None:
            return server, port
    raise RuntimeError("the server does not start")


def _launch(command, place, question, answer):
    """A server once it answers, or None."""
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    deadline = time.monotonic() + 30
    while server.poll() is None and time.monotonic() < deadline:
        if _answers(place, question, answer):
            return server
        time.sleep(0.02)
    _stop(server)
    return None


def _stop(server):
    if server.poll() is None:
        server.send_signal(signal.SIGKILL)
    server.wait()


@contextlib.contextmanager
def redis_on_socket():
    """Yields the path of its socket."""
    folder = tempfile.mkdtemp(prefix="jaycache-python-")
    path = os.path.join(folder, "socket")
    try:
        with redis_server("--unixsocket", path):
            yield path
    finally:
        shutil.rmtree(folder)


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


def certificate(folder):
    """A key and a certificate for 127.0.0.1, which is its own authority: paths of both."""
    key, made = os.path.join(folder, "key.pem"), os.path.join(folder, "cert.pem")
    words = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"]
    words += ["-nodes", "-days", "2", "-subj", "/CN=127.0.0.1", "-keyout", key, "-out", made]
    words += ["-addext", "subjectAltName=IP:127.0.0.1"]
    subprocess.run(words, check=True, capture_output=True)
    return key, made


@contextlib.contextmanager
def redis_cluster(*options):
    """A cluster of one node, which has all slots."""
    import redis

    words = ["--cluster-enabled", "yes", "--cluster-port", str(free_port()), *options]
    with redis_server(*words) as port:
        node = redis.Redis(port=port)
        node.execute_command("CLUSTER", "ADDSLOTSRANGE", 0, 16383)
        deadline = time.monotonic() + 30
        while node.execute_command("CLUSTER INFO")["cluster_state"] != "ok":
            assert time.monotonic() < deadline
            time.sleep(0.02)
        yield port


@contextlib.contextmanager
def redis_tls_cluster(folder):
    """The same over TLS. Yields its port and the certificate."""
    key, made = certificate(folder)
    port = free_port()
    words = ["--tls-port", str(port), "--tls-cert-file", made, "--tls-key-file", key]
    words += ["--tls-ca-cert-file", made, "--tls-auth-clients", "no", "--tls-cluster", "yes"]
    with redis_cluster(*words):
        yield port, made


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


def _memcached_command(*place):
    return ["memcached", *place, "-m", "64"] + (["-u", "nobody"] if os.getuid() == 0 else [])


@contextlib.contextmanager
def memcached_server():
    def command(port):
        return _memcached_command("-l", "127.0.0.1", "-p", str(port), "-U", "0")

    server, port = _start(command, b"version\r\n", b"VERSION")
    try:
        yield port
    finally:
        _stop(server)


@contextlib.contextmanager
def memcached_on_socket():
    """Yields the path of its socket. The folder is open for the user that memcached becomes."""
    folder = tempfile.mkdtemp(prefix="jaycache-python-")
    os.chmod(folder, 0o777)
    path = os.path.join(folder, "socket")
    command = _memcached_command("-s", path, "-a", "777")
    server = _launch(command, path, b"version\r\n", b"VERSION")
    try:
        if server is None:
            raise RuntimeError("memcached does not start")
        yield path
    finally:
        if server is not None:
            _stop(server)
        shutil.rmtree(folder)
