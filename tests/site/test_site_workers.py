"""test_site_workers.py - the demo site in several processes: what they share, and what happens when they die.

Usage: test_site_workers.py PROGRAM [unittest options]

JAY_TEST_LONG=1 keeps killing for a minute instead of a few seconds.
"""

import concurrent.futures
import contextlib
import http.client
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import unittest

from site_client import Site, make_records

PROGRAM = ""
WORKERS = 4
KILLING_S = 60 if os.environ.get("JAY_TEST_LONG") == "1" else 6
PATIENCE_S = 60  # for what must come about, however busy the machine is
SHM = "/dev/shm"
PAGES = [
    "/",
    "/sections",
    "/section/crowd?page=2",
    "/maintainers",
    "/maintainer/Ada%20Example",
    "/search?q=program",
    "/package/app-one",
    "/package/small-lib",
    "/package/ring-back",
    "/needed-by/small-lib",
]


def children(parent):
    """The processes whose parent this is, without those that have ended."""
    found = []
    for name in os.listdir("/proc"):
        if not name.isdigit():
            continue
        try:
            with open(f"/proc/{name}/stat", encoding="utf-8", errors="replace") as stream:
                state, ppid = stream.read().rpartition(")")[2].split()[:2]
        except OSError:
            continue
        if int(ppid) == parent and state not in "ZX":
            found.append(int(name))
    return set(found)


def eventually(condition):
    """Waits until the condition holds; says whether it does."""
    end = time.monotonic() + PATIENCE_S
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(0.05)
    return True


def is_running(pid):
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as stream:
            return stream.read().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


def shared_files(name):
    return [file for file in os.listdir(SHM) if file.startswith(f"jaycache.{name}")]


class Crew(Site):
    """A site with workers."""

    def __init__(self, *options, folder=None):
        super().__init__(PROGRAM, "--workers", str(WORKERS), "--threads", "2", *options, folder=folder)

    @property
    def cache_name(self):
        return f"jaycache-site-{self.process.pid}"

    def __exit__(self, *unused):
        pid = self.process.pid
        super().__exit__(*unused)
        # The workers of a parent that was killed remove the cache; no test shall leave one behind.
        eventually(lambda: not shared_files(f"jaycache-site-{pid}"))
        remove_shared(f"jaycache-site-{pid}")

    def workers(self):
        return children(self.process.pid)

    def is_complete(self):
        return len(self.workers()) == WORKERS

    def ask_again(self, path, cookie):
        """Asks until there is an answer: a connection ends early when the worker behind it is killed."""
        for _ in range(100):
            try:
                return self.ask(path, Cookie=cookie)
            except (ConnectionError, http.client.IncompleteRead):
                pass
        raise AssertionError(f"no answer to {path}")

    def expected(self):
        """Every page's own part, as it is without the cache."""
        return {path: self.ask(path, Cookie="visitor=1; cache=off").main() for path in PAGES}


def remove_shared(name):
    for file in shared_files(name):
        with contextlib.suppress(FileNotFoundError):
            os.unlink(os.path.join(SHM, file))


def shown(answer):
    """Which view of its page this is, by the counter in the cache; None: it could not be counted."""
    match = re.search(r"Shown ([\d,]+) time", answer.body)
    return int(match.group(1).replace(",", "")) if match else None


class Sharing(unittest.TestCase):
    def test_workers_share_one_cache(self):
        with Crew() as site:
            self.assertEqual(len(shared_files(site.cache_name)), 2)
            expected = site.expected()
            for path in PAGES:
                self.assertGreater(site.ask(path, Cookie="visitor=2").cost()["misses"], 0)
            path = "/package/small-lib"
            answers = [site.ask(path, Cookie="visitor=2")]
            with concurrent.futures.ThreadPoolExecutor(16) as pool:
                for _ in range(20):
                    answers += pool.map(lambda _: site.ask(path, Cookie="visitor=2"), range(32))
                    if len({answer.cost()["worker"] for answer in answers}) == WORKERS:
                        break
            self.assertEqual({answer.cost()["worker"] for answer in answers}, site.workers())
            for answer in answers[1:]:
                # Made by one, a hit for all.
                self.assertEqual((answer.cost()["misses"], answer.cost()["queries"]), (0, 0))
                self.assertEqual(answer.main(), expected[path])
            # Each view was counted once, whoever served it; one came before.
            self.assertEqual(sorted(map(shown, answers)), list(range(2, len(answers) + 2)))

            page = site.ask("/cache", Cookie="visitor=2")
            self.assertIn("shm:", page.main())
            self.assertIn(f"<b>{WORKERS}</b> workers on one cache, <b>{WORKERS}</b> running", page.main())
            self.assertIn(f"by worker {page.cost()['worker']}<", page.body)
            hits = int(re.search(r"<dt>hits</dt><dd>([\d,]+)", page.main()).group(1).replace(",", ""))
            self.assertGreaterEqual(hits, 2 * (len(answers) - 1))
            self.assertEqual(site.stop(), 0)
            self.assertEqual(shared_files(site.cache_name), [])

    def test_token_of_one_worker_is_good_at_all(self):
        with Crew() as site:
            page = site.ask("/cache", Cookie="visitor=3").body
            token = re.search(r'name="token" value="([0-9a-f]{16})"', page).group(1)
            with concurrent.futures.ThreadPoolExecutor(8) as pool:
                clear = lambda _: site.post("/cache/clear", "token=" + token, "visitor=3").status
                self.assertEqual(set(pool.map(clear, range(40))), {303})
            self.assertEqual(site.stop(signal.SIGINT), 0)
            self.assertEqual(shared_files(site.cache_name), [])

    def test_cache_that_was_asked_for(self):
        name = f"site-test-{os.getpid()}"
        self.addCleanup(remove_shared, name)
        with Crew("--cache", f"shm:{name}?max_bytes=8m") as site:
            self.assertEqual(shared_files(site.cache_name), [])
            site.ask("/", Cookie="visitor=4")
            self.assertEqual(site.stop(), 0)
            self.assertIn(f"jaycache.{name}", shared_files(name))  # it is not ours to remove
        with Crew("--cache", "memory:") as site:
            answer = site.ask("/cache")
            self.assertIn(f"this is that of worker {answer.cost()['worker']}", answer.main())
            self.assertEqual(site.stop(), 0)

    def test_mistakes_are_named(self):
        for number in ("0", "65", "-1", "two", ""):
            with self.subTest(number):
                done = subprocess.run(
                    [PROGRAM, "--workers", number], capture_output=True, text=True, timeout=60, check=False
                )
                self.assertEqual(done.returncode, 2)
                self.assertIn("--workers", done.stderr)
        shown_help = subprocess.run([PROGRAM, "--help"], capture_output=True, text=True, timeout=60, check=True)
        self.assertIn("--workers N", shown_help.stdout)


class Visitors(threading.Thread):
    """Goes from page to page until told to stop, and keeps what was wrong."""

    def __init__(self, site, expected, number):
        super().__init__()
        self.site = site
        self.expected = expected
        self.cookie = f"visitor={100 + number}"
        self.random = random.Random(number)
        self.end = threading.Event()
        self.wrong = []
        self.views = []

    def visit(self, path):
        off = "; cache=off" if self.random.random() < 0.05 else ""
        answer = self.site.ask_again(path, self.cookie + off)
        if answer.status != 200:
            self.wrong.append((path, answer.status, answer.body))
        elif answer.main() != self.expected[path]:
            self.wrong.append((path, "another page than without the cache", answer.main()))
        else:
            self.views.append((path, shown(answer)))

    def run(self):
        while not self.end.is_set() and not self.wrong:
            path = self.random.choice(PAGES)
            try:
                self.visit(path)
            except Exception as error:  # also that a request has stalled
                self.wrong.append((path, repr(error)))


class Killing(unittest.TestCase):
    def kill_for_a_while(self, site, chance):
        """Kills workers at random, all of the first among them, and stops one for a while now and then;
        returns those killed."""
        killed, stopped, first = set(), 0, site.workers()
        end = time.monotonic() + KILLING_S
        while time.monotonic() < end or not stopped or first - killed:
            time.sleep(chance.uniform(0.05, 0.5))
            now = site.workers() - killed
            victims = now & first if chance.random() < 0.5 and now & first else now
            if not victims:
                continue
            victim = chance.choice(sorted(victims))
            if len(killed) >= 3 and stopped <= len(killed) // 6:
                os.kill(victim, signal.SIGSTOP)
                time.sleep(chance.uniform(0.3, 1.2))
                os.kill(victim, signal.SIGCONT)
                stopped += 1
            else:
                os.kill(victim, signal.SIGKILL)
                killed.add(victim)
            self.assertLess(time.monotonic(), end + PATIENCE_S, "workers are not replaced")
        return killed

    def drive(self, site, expected):
        visitors = [Visitors(site, expected, number) for number in range(6)]
        for visitor in visitors:
            visitor.start()
        try:
            killed = self.kill_for_a_while(site, random.Random(4711))
            self.assertTrue(eventually(site.is_complete), site.workers())
        finally:
            for visitor in visitors:
                visitor.end.set()
            for visitor in visitors:
                visitor.join()
        self.assertEqual([visitor.wrong for visitor in visitors if visitor.wrong], [])
        return visitors, killed

    def test_killed_workers_are_replaced_and_nothing_is_wrong(self):
        with Crew() as site:
            self.assertTrue(eventually(site.is_complete))
            first = site.workers()
            expected = site.expected()
            visitors, killed = self.drive(site, expected)
            self.assertLessEqual(first, killed)
            self.assertFalse(killed & site.workers())
            # The counter outlives the killed: no number was given twice.
            views = [view for visitor in visitors for view in visitor.views if view[1] is not None]
            self.assertTrue(views)
            self.assertEqual(len(views), len(set(views)))
            said = f"<b>{WORKERS}</b> running, <b>{len(killed)}</b> replaced so far"
            self.assertTrue(eventually(lambda: said in site.ask("/cache").main()), said)
            self.assertNotIn("emptied for damage", site.ask("/cache").main())
            for path in PAGES:
                answer = site.ask(path, Cookie="visitor=1")
                self.assertEqual(answer.main(), expected[path])
                self.assertIn(answer.cost()["worker"], site.workers())
            last = site.workers()
            self.assertEqual(site.stop(), 0)
            self.assertEqual([pid for pid in last if is_running(pid)], [])
            self.assertEqual(shared_files(site.cache_name), [])

    def test_worker_that_is_told_to_stop_leaves_the_others_serving(self):
        with Crew() as site:
            self.assertTrue(eventually(site.is_complete))
            expected = site.expected()
            told = min(site.workers())
            os.kill(told, signal.SIGTERM)
            self.assertTrue(eventually(lambda: told not in site.workers() and site.is_complete()))
            for path in PAGES:
                self.assertEqual(site.ask(path, Cookie="visitor=1").main(), expected[path])
            self.assertEqual(site.stop(), 0)

    def test_stopped_worker_does_not_hold_up_the_end(self):
        with Crew() as site:
            self.assertTrue(eventually(site.is_complete))
            os.kill(min(site.workers()), signal.SIGSTOP)
            self.assertEqual(site.stop(), 0)
            self.assertEqual(shared_files(site.cache_name), [])

    def test_workers_do_not_outlive_their_parent(self):
        with Crew() as site:
            self.assertTrue(eventually(site.is_complete))
            site.ask("/", Cookie="visitor=1")
            workers = site.workers()
            site.stop(signal.SIGKILL)
            self.assertTrue(eventually(lambda: not any(map(is_running, workers))))
            self.assertEqual(shared_files(site.cache_name), [])

    def test_workers_that_cannot_start_end_it_all(self):
        folder = tempfile.mkdtemp(prefix="jaycache-site-")
        self.addCleanup(shutil.rmtree, folder)
        records = os.path.join(folder, "records")
        make_records(records)
        db = os.path.join(folder, "packages.db")
        os.mkdir(db + "-visitors")
        own = ["--records", records, "--db", db, "--port", "0", "--workers", "2"]
        done = subprocess.run(
            [PROGRAM, *own], capture_output=True, text=True, timeout=60, check=False
        )
        self.assertEqual(done.returncode, 1)
        self.assertIn("packages.db-visitors", done.stderr)


if __name__ == "__main__":
    PROGRAM = sys.argv.pop(1)
    unittest.main(verbosity=2)
