"""site_webdriver.py - a small WebDriver client: drives a headless Chromium through chromedriver.

Nothing but Python's own library; only the calls that the test of the demo site needs.
"""

import base64
import json
import re
import shutil
import subprocess
import tempfile
import threading
import time
import urllib.error
import urllib.request

FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
    "--hide-scrollbars",
]
ELEMENT = "element-6066-11e4-a52e-4f735466cecf"


def find_programs():
    """(chromium, chromedriver), or None when one is not installed."""
    browser = shutil.which("chromium") or shutil.which("chromium-browser")
    driver = shutil.which("chromedriver")
    return (browser, driver) if browser and driver else None


class Browser:
    """A browser with an empty profile; use it in a with statement."""

    def __init__(self, width=1200, height=900):
        self.size = (width, height)
        self.driver = None
        self.session = None

    def __enter__(self):
        browser, driver = find_programs()
        self.profile = tempfile.mkdtemp(prefix="jaycache-browser-")
        try:
            self._start(browser, driver)
        except BaseException:
            self.__exit__()
            raise
        return self

    def _start(self, browser, driver):
        self.driver = subprocess.Popen(
            [driver, "--port=0"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        self.base = None
        for line in self.driver.stdout:
            match = re.search(r"started successfully on port (\d+)", line)
            if match:
                self.base = f"http://127.0.0.1:{match.group(1)}"
                break
        if not self.base:
            raise RuntimeError("chromedriver ended without saying its port")
        # What it says later must not fill the pipe.
        threading.Thread(target=self.driver.stdout.read, daemon=True).start()
        width, height = self.size
        flags = FLAGS + [f"--user-data-dir={self.profile}", f"--window-size={width},{height}"]
        options = {"binary": browser, "args": flags}
        wanted = {"alwaysMatch": {"browserName": "chrome", "goog:chromeOptions": options}}
        self.session = self._call("POST", "/session", {"capabilities": wanted})["sessionId"]

    def __exit__(self, *unused):
        if self.session:
            try:
                self._call("DELETE", f"/session/{self.session}")
            except (OSError, RuntimeError):
                pass
        if self.driver:
            self.driver.terminate()
            try:
                self.driver.wait(20)
            except subprocess.TimeoutExpired:
                self.driver.kill()
                self.driver.wait()
        shutil.rmtree(self.profile, ignore_errors=True)

    def _call(self, method, path, body=None):
        data = json.dumps(body).encode() if method == "POST" else None
        request = urllib.request.Request(self.base + path, data, method=method)
        request.add_header("Content-Type", "application/json")
        try:
            with urllib.request.urlopen(request, timeout=120) as answer:
                return json.load(answer)["value"]
        except urllib.error.HTTPError as error:
            problem = json.load(error)["value"]
            raise RuntimeError(f"{path}: {problem['error']}: {problem['message']}") from None

    def _in_session(self, method, path, body=None):
        return self._call(method, f"/session/{self.session}{path}", body)

    def open(self, url):
        self._in_session("POST", "/url", {"url": url})

    def url(self):
        return self._in_session("GET", "/url")

    def find(self, css):
        """The ids of all elements that match."""
        body = {"using": "css selector", "value": css}
        return [found[ELEMENT] for found in self._in_session("POST", "/elements", body)]

    def texts(self, css):
        """The visible texts of all elements that match."""
        script = "return [...document.querySelectorAll(arguments[0])].map(e => e.innerText)"
        return self.run(script, css)

    def click(self, css):
        found = self.find(css)
        if not found:
            raise RuntimeError(f"nothing matches {css} on {self.url()}")
        self._in_session("POST", f"/element/{found[0]}/click", {})

    def follow(self, css):
        """Clicks what leads to another page, and waits until that is there."""
        self.run("window.isOldPage = true")
        self.click(css)
        arrived = "return !window.isOldPage && document.readyState === 'complete'"
        for _ in range(300):
            try:
                if self.run(arrived):
                    return
            except RuntimeError:
                pass  # the old page went while it was asked
            time.sleep(0.1)
        raise RuntimeError(f"a click on {css} leads nowhere from {self.url()}")

    def type(self, css, text):
        found = self.find(css)[0]
        self._in_session("POST", f"/element/{found}/value", {"text": text})

    def run(self, script, *args):
        return self._in_session("POST", "/execute/sync", {"script": script, "args": list(args)})

    def devtools(self, command, **params):
        body = {"cmd": command, "params": params}
        return self._in_session("POST", "/goog/cdp/execute", body)

    def look(self, width, height, scheme="light"):
        """Changes the size of the window, and between the light and the dark scheme."""
        self.devtools(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=width < 500,
        )
        features = [{"name": "prefers-color-scheme", "value": scheme}]
        self.devtools("Emulation.setEmulatedMedia", features=features)

    def screenshot(self, file):
        with open(file, "wb") as stream:
            stream.write(base64.b64decode(self._in_session("GET", "/screenshot")))
