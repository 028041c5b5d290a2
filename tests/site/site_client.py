"""site_client.py - starts the demo site on sample records, and asks it, for the tests beside this file."""

import http.client
import os
import re
import shutil
import signal
import subprocess
import tempfile

SAMPLE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "site_sample.records")
# More packages of one section and one maintainer than fit on a page.
MANY = 120
START_LIMIT_S = 120
STOP_LIMIT_S = 60


def make_records(file):
    """The sample, and many plain packages behind it."""
    with open(SAMPLE, encoding="utf-8") as stream:
        text = stream.read()
    for number in range(MANY):
        text += (
            f"\nPackage: many-{number:03}\nVersion: {number}.0\nArchitecture: all\nSection: crowd\n"
            "Priority: optional\nMaintainer: The Crowd <crowd@example.org>\nSize: 100\n"
            f"Depends: small-lib\nDescription: one of many, number {number}\n"
        )
    with open(file, "w", encoding="utf-8") as stream:
        stream.write(text)


class Answer:
    def __init__(self, response):
        self.status = response.status
        self.headers = response.headers
        self.body = response.read().decode("utf-8")

    def cost(self):
        """What the page cost, from its header: {"hits": 2, "misses": 0, "queries": 0, "cache": "on"}."""
        parts = dict(part.split("=") for part in self.headers["X-Cost"].split("; "))
        return {key: int(text) if text.isdigit() else text for key, text in parts.items()}

    def main(self):
        """The page's own part, without the sidebar and the account of its cost."""
        return re.search(r"<main>.*</main>", self.body, re.S).group(0)

    def sidebar(self):
        return re.search(r"<aside>.*</aside>", self.body, re.S).group(0)

    def cookies(self):
        return {
            text.split("=", 1)[0]: text.split(";", 1)[0].split("=", 1)[1]
            for text in self.headers.get_all("Set-Cookie", [])
        }


class Site:
    """A running site; use it in a with statement. `stop` also checks that it ends well."""

    def __init__(self, program, *options, folder=None):
        self.program = program
        self.options = options
        self.own_folder = folder is None
        self.folder = folder or tempfile.mkdtemp(prefix="jaycache-site-")
        self.records = os.path.join(self.folder, "records")
        self.db = os.path.join(self.folder, "packages.db")
        self.process = None
        if not os.path.exists(self.records):
            make_records(self.records)

    def __enter__(self):
        given = ["--records", self.records, "--db", self.db, "--port", "0"]
        self.process = subprocess.Popen(
            [self.program, *given, *self.options], stdout=subprocess.PIPE, text=True
        )
        line = self.process.stdout.readline()
        match = re.fullmatch(r"listening on (http://127\.0\.0\.1:(\d+)/)\n", line)
        if not match:
            self.process.kill()
            self.process.wait()
            self.process.stdout.close()
            raise RuntimeError(f"the site does not say where it listens, but {line!r}")
        self.url = match.group(1)
        self.port = int(match.group(2))
        return self

    def __exit__(self, *unused):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        self.process.stdout.close()
        if self.own_folder:
            shutil.rmtree(self.folder)

    def stop(self, number=signal.SIGTERM):
        """Asks the site to stop, and returns its exit status."""
        self.process.send_signal(number)
        return self.process.wait(STOP_LIMIT_S)

    def ask(self, path, method="GET", body=None, **headers):
        """One request on a connection of its own. `cookie`, `content_type` become header names."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            sent = {name.replace("_", "-"): text for name, text in headers.items()}
            connection.request(method, path, body, sent)
            return Answer(connection.getresponse())
        finally:
            connection.close()

    def post(self, path, body, cookie="", content_type="application/x-www-form-urlencoded"):
        return self.ask(path, "POST", body, Cookie=cookie, Content_Type=content_type)
