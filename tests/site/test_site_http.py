"""test_site_http.py - the demo site, asked over HTTP: pages, escaping, limits, cache, start and stop.

Usage: test_site_http.py PROGRAM [unittest options]
"""

import concurrent.futures
import html
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import unittest
from urllib.parse import quote

from site_client import MANY, Site, make_records

PROGRAM = ""
ME = "visitor=1001"
PAGES = [
    "/",
    "/sections",
    "/section/utils",
    "/maintainers",
    "/maintainer/Ada%20Example",
    "/search?q=program",
    "/package/app-one",
    "/needed-by/small-lib",
]


class Shared(unittest.TestCase):
    """Tests that share a running site, each with visitors of its own."""

    @classmethod
    def setUpClass(cls):
        cls.site = Site(PROGRAM)
        cls.site.__enter__()

    @classmethod
    def tearDownClass(cls):
        try:
            status = cls.site.stop()
        finally:
            cls.site.__exit__()
        if status != 0:
            raise AssertionError(f"the site ended with {status}")


class Pages(Shared):
    def test_every_page_answers_safely(self):
        for path in PAGES + ["/cache", "/nothing-here"]:
            with self.subTest(path):
                answer = self.site.ask(path, Cookie=ME)
                self.assertEqual(answer.status, 404 if "nothing" in path else 200)
                self.assertEqual(answer.headers["Content-Type"], "text/html; charset=utf-8")
                self.assertEqual(answer.headers["X-Content-Type-Options"], "nosniff")
                policy = answer.headers["Content-Security-Policy"]
                self.assertIn("default-src 'none'", policy)
                self.assertNotIn("unsafe", policy)
                self.assertIn('<footer class="cost">', answer.body)
                self.assertTrue(answer.body.rstrip().endswith("</html>"))
                self.assertNotIn("{{", answer.body)

    def test_front_page_counts(self):
        page = self.site.ask("/", Cookie=ME).main()
        packages = 7 + MANY
        self.assertIn(f"<dt>packages</dt><dd>{packages}</dd>", page)
        self.assertRegex(page, rf'<a href="/section/crowd">crowd</a>.*<span class="num">{MANY}<')
        self.assertIn("The Crowd", page)
        # Needed most: small-lib, by all of the crowd and two more.
        self.assertRegex(page, rf'small-lib</a>.*<span class="num">{MANY + 2}<')

    def test_package_page(self):
        page = self.site.ask("/package/small-lib", Cookie=ME).main()
        self.assertIn("1.2-3", page)
        self.assertNotIn("0.9-1", page)
        self.assertIn('<a href="https://example.org/small"', page)
        self.assertIn("The first paragraph of the description, on two lines.", page)
        self.assertIn("one thing, and goes on on the next line", page)
        self.assertIn("<pre>  verbatim   text</pre>", page)
        # 1 step: app-one, app-three, the crowd; 2: app-two.
        self.assertIn(f"<b>{MANY + 3}</b> package", page)
        self.assertRegex(page, rf"1 step</span>.*{MANY + 2}</span>")
        self.assertRegex(page, r"2 steps</span>.*>1</span>")
        page = self.site.ask("/package/app-one", Cookie=ME).main()
        self.assertRegex(page, r'missing-thing</a><i> or </i>|missing-thing</a> <i>or</i> ')
        self.assertIn("app-two", page)

    def test_ring_of_dependencies_ends(self):
        page = self.site.ask("/package/ringed", Cookie=ME).main()
        self.assertIn("<b>1</b> package cannot do without", page)

    def test_virtual_package(self):
        page = self.site.ask("/package/virtual-mailer", Cookie=ME).main()
        self.assertIn("no package of its own", page)
        self.assertIn('href="/package/app-three"', page)
        self.assertEqual(self.site.ask("/package/missing-thing", Cookie=ME).status, 200)

    def test_lists_go_over_pages(self):
        seen = []
        for page in (1, 2, 3):
            body = self.site.ask(f"/section/crowd?page={page}", Cookie=ME).main()
            seen += re.findall(r'<li><a href="/package/(many-\d+)"', body)
        self.assertEqual(seen, [f"many-{number:03}" for number in range(MANY)])
        self.assertEqual(self.site.ask("/section/crowd?page=4", Cookie=ME).status, 404)
        body = self.site.ask("/needed-by/small-lib?page=2", Cookie=ME).main()
        self.assertIn('href="/needed-by/small-lib?page=1"', body)

    def test_head_is_get_without_body(self):
        for path in PAGES:
            with self.subTest(path):
                answer = self.site.ask(path, "HEAD", Cookie=ME)
                self.assertEqual(answer.status, 200)
                self.assertEqual(answer.body, "")
                self.assertGreater(int(answer.headers["Content-Length"]), 1000)

    def test_assets(self):
        page = self.site.ask("/", Cookie=ME).body
        style = html.unescape(re.search(r'href="(/style\.css\?v=\w+)"', page).group(1))
        answer = self.site.ask(style)
        self.assertEqual(answer.status, 200)
        self.assertTrue(answer.headers["Content-Type"].startswith("text/css"))
        self.assertIn("prefers-color-scheme: dark", answer.body)
        self.assertEqual(self.site.ask("/favicon.svg").headers["Content-Type"], "image/svg+xml")


class Escaping(Shared):
    def assert_harmless(self, body):
        for bad in ("<script", "<img src=x", "<b>item", "<i>verbatim", 'href="javascript:'):
            self.assertNotIn(bad, body)

    def test_records_are_text(self):
        paths = ["/package/strange-name++", "/package/strange-name%2b%2B", "/search?q=alert",
                 "/maintainer/" + quote('Eve "Quote" O\'Neil & Sons'), "/", "/maintainers",
                 "/section/" + quote('we<ird&"section'), "/sections", "/package/app-one"]
        for path in paths:
            with self.subTest(path):
                answer = self.site.ask(path, Cookie=ME)
                self.assertEqual(answer.status, 200)
                self.assert_harmless(answer.body)
        body = self.site.ask(paths[0], Cookie=ME).body
        self.assertIn("&lt;script&gt;alert(&quot;summary&quot;)&lt;/script&gt; &amp; more", body)
        body = self.site.ask(paths[2], Cookie=ME).main()
        self.assertIn("&lt;script&gt;<mark>alert</mark>(", body)
        self.assertIn("1 package<", body)

    def test_what_visitors_send_is_text(self):
        for text in ("<script>alert(1)</script>", '"><img src=x onerror=alert(1)>', "'\"&<>\1\2"):
            for path in ("/search?q=", "/", "/package/", "/section/", "/maintainer/"):
                with self.subTest(path=path, text=text):
                    answer = self.site.ask(path + quote(text, safe=""), Cookie=ME)
                    self.assert_harmless(answer.body)
                    self.assertIn(answer.status, (200, 404))
        answer = self.site.ask("/search?q=" + quote('a" onfocus="x'), Cookie=ME)
        self.assertIn('value="a&quot; onfocus=&quot;x"', answer.body)

    def test_no_header_can_be_smuggled_in(self):
        answer = self.site.ask("/search?q=a%0d%0aX-Evil:%201&cache=off", Cookie=ME)
        self.assertEqual(answer.status, 200)
        self.assertIsNone(answer.headers["X-Evil"])


class Search(Shared):
    def found(self, text):
        answer = self.site.ask("/search?q=" + quote(text, safe=""), Cookie=ME)
        self.assertEqual(answer.status, 200, text)
        return re.findall(r'<li><a href="/package/([^"]+)"', answer.main())

    def test_finds(self):
        self.assertEqual(sorted(self.found("program")), ["app-one", "app-three", "app-two"])
        self.assertEqual(sorted(self.found("tiny library")), ["app-one", "small-lib"])
        self.assertEqual(self.found("app-two")[0], "app-two")
        self.assertEqual(self.found("progr FIRST"), self.found("first program"))
        self.assertEqual(self.found("nowhere-to-be-found"), [])

    def test_syntax_is_text(self):
        texts = ["'; DROP TABLE packages; --", '"', '""', '"""', "*", "a*", "AND", "OR", "NOT a",
                 "NEAR(a b)", "name:app", "{name summary}:app", "(", ")", "((", "^app", "a + b",
                 "-app", "\\", "%", "_", "' OR '1'='1", "a\0b", "\x00", "\xff\xfe", "é", "日本", "::",
                 '"app" OR "two"', "x" * 160, " ".join("abcdefghijkl")]
        for text in texts:
            with self.subTest(text=text):
                self.found(text)
        self.assertEqual(self.found("app OR many"), [])
        self.assertEqual(self.found('app" OR "many'), [])
        # Nothing was harmed by it.
        page = self.site.ask("/?cache=off", Cookie=ME).main()
        self.assertIn(f"<dt>packages</dt><dd>{7 + MANY}</dd>", page)

    def test_needs_a_text(self):
        self.assertEqual(self.site.ask("/search").status, 400)
        self.assertEqual(self.site.ask("/search?q=").status, 200)
        self.assertEqual(self.site.ask("/search?q").status, 400)


class Limits(Shared):
    def test_numbers_of_pages(self):
        for page in ("0", "-1", "abc", "1x", "+1", "%201", "", "99999", "9" * 40, "0x1", "01"):
            with self.subTest(page):
                self.assertEqual(self.site.ask(f"/section/crowd?page={page}").status, 400)

    def test_lengths(self):
        self.assertEqual(self.site.ask("/search?q=" + "x" * 161).status, 400)
        self.assertEqual(self.site.ask("/package/" + "x" * 129).status, 404)
        self.assertEqual(self.site.ask("/" + "x" * 400).status, 414)
        answer = self.site.ask("/maintainer/" + "%3c" * 380)
        self.assertEqual(answer.status, 404)
        self.assertNotIn("<<", answer.body)

    def test_endless_headers_are_refused(self):
        with socket.create_connection(("127.0.0.1", self.site.port), 60) as raw:
            raw.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n")
            try:
                for _ in range(200):
                    raw.sendall(b"X-Filler: " + b"y" * 1000 + b"\r\n")
                answer = raw.recv(1000)
            except ConnectionError:
                answer = b""
        self.assertNotIn(b" 200 ", answer)
        self.assertEqual(self.site.ask("/").status, 200)

    def test_path_tricks(self):
        for path in ("/../../etc/passwd", "/package/../../etc/passwd", "/package/..%2f..%2fetc%2fpasswd",
                     "/%2e%2e/%2e%2e/etc/passwd", "//etc/passwd", "/package/small-lib%00.html",
                     "/package/small-lib/", "/package/%73mall-lib%", "/style.css/../main.c",
                     "/templates/layout.html", "/package/", "/section/", "/package/Small-Lib", "/%00"):
            with self.subTest(path):
                answer = self.site.ask(path, Cookie=ME)
                self.assertEqual(answer.status, 404)
                self.assertNotIn("root:", answer.body)

    def test_methods(self):
        for method in ("PUT", "DELETE", "PATCH", "OPTIONS", "NONSENSE"):
            with self.subTest(method):
                self.assertEqual(self.site.ask("/package/small-lib", method).status, 405)
        answer = self.site.post("/", "a=b")
        self.assertEqual((answer.status, answer.headers["Allow"]), (405, "GET, HEAD"))
        answer = self.site.ask("/cache/clear")
        self.assertEqual((answer.status, answer.headers["Allow"]), (405, "POST"))

    def test_cookies_that_are_none(self):
        for cookie in ("visitor=abc", "visitor=-5", "visitor=0", "visitor=" + "9" * 30, "visitor=1x",
                       "visitor=1'", "visitor", "=", ";;;"):
            with self.subTest(cookie):
                answer = self.site.ask("/", Cookie=cookie)
                self.assertEqual(answer.status, 200)
                self.assertRegex(answer.cookies()["visitor"], r"^[1-9]\d*$")


class Caching(Shared):
    def test_second_visit_is_a_hit(self):
        cookie = "visitor=2001"
        for path in PAGES:
            with self.subTest(path):
                first = self.site.ask(path, Cookie=cookie)
                second = self.site.ask(path, Cookie=cookie)
                cost = second.cost()
                self.assertEqual((cost["misses"], cost["queries"]), (0, 0))
                self.assertGreaterEqual(cost["hits"], 2)
                self.assertEqual(first.main(), second.main())
                self.assertIn('<span class="tag hit">hit</span>', second.body)
                self.assertIn("saved <b>", second.body)

    def test_cache_off_shows_the_same(self):
        cookie = "visitor=2002"
        for path in PAGES:
            with self.subTest(path):
                cached = self.site.ask(path, Cookie=cookie)
                for _ in range(2):
                    plain = self.site.ask(path, Cookie=cookie + "; cache=off")
                    cost = plain.cost()
                    self.assertEqual((cost["cache"], cost["hits"]), ("off", 0))
                    self.assertGreater(cost["queries"], 0)
                    self.assertEqual(plain.main(), cached.main())

    def test_switch(self):
        cookie = "visitor=2003"
        answer = self.site.ask("/search?q=a%26b&page=1", Cookie=cookie)
        link = html.unescape(re.search(r'class="switch is-on" href="([^"]+)"', answer.body).group(1))
        self.assertEqual(link, "/search?cache=off&q=a%26b")
        answer = self.site.ask(link, Cookie=cookie)
        self.assertEqual(answer.cookies()["cache"], "off")
        self.assertEqual(answer.cost()["cache"], "off")
        link = html.unescape(re.search(r'class="switch" href="([^"]+)"', answer.body).group(1))
        answer = self.site.ask(link, Cookie=cookie + "; cache=off")
        self.assertEqual(answer.cost()["cache"], "on")
        self.assertIn("Max-Age=0", "".join(answer.headers.get_all("Set-Cookie")))

    def test_failures_are_not_cached(self):
        for path in ("/package/not-there", "/section/not-there", "/section/utils?page=9"):
            for _ in range(2):
                answer = self.site.ask(path, Cookie="visitor=2004")
                self.assertEqual(answer.status, 404)
                self.assertGreater(answer.cost()["queries"], 0)

    def test_views_are_counted(self):
        for number in range(1, 4):
            body = self.site.ask("/package/ring-back", Cookie="visitor=2005").body
            self.assertIn(f"Shown {number} time", body)

    def test_cache_page_shows_entries(self):
        self.site.ask("/package/small-lib", Cookie="visitor=2006")
        page = self.site.ask("/cache", Cookie="visitor=2006").main()
        self.assertIn("memory:", page)
        self.assertRegex(page, r'<td class="key">page/\w+')
        self.assertRegex(page, r"<dt>hits</dt><dd>\d")
        live = self.site.ask("/cache?live=1", Cookie="visitor=2006").body
        self.assertIn('http-equiv="refresh"', live)


class Visitors(Shared):
    def test_new_visitors_get_a_number(self):
        first, second = self.site.ask("/").cookies(), self.site.ask("/").cookies()
        self.assertNotEqual(first["visitor"], second["visitor"])
        cookie = self.site.ask("/").headers["Set-Cookie"]
        self.assertIn("HttpOnly", cookie)
        self.assertIn("SameSite=Lax", cookie)
        self.assertEqual(self.site.ask("/", Cookie=f"visitor={first['visitor']}").cookies(), {})

    def test_each_has_a_sidebar(self):
        one, two = "visitor=3001", "visitor=3002"
        self.site.ask("/package/app-one", Cookie=one)
        self.site.ask("/package/app-three", Cookie=two)
        of_one = self.site.ask("/", Cookie=one).sidebar()
        of_two = self.site.ask("/", Cookie=two).sidebar()
        self.assertIn("/package/app-one", of_one)
        self.assertIn("/package/app-two", of_one)  # recommended by app-one
        self.assertNotIn("/package/app-three", of_one)
        self.assertIn("/package/app-three", of_two)
        self.assertNotIn("/package/app-one", of_two)
        body = self.site.ask("/", Cookie=one).body
        self.assertIn('<td class="key ">sidebar_for/user3001</td>', body)

    def test_sidebar_follows_the_visitor(self):
        cookie = "visitor=3003"
        for name in ("app-one", "app-two", "small-lib"):
            body = self.site.ask(f"/package/{name}", Cookie=cookie).sidebar()
            self.assertIn(f"/package/{name}", body)
        names = re.findall(r'href="/package/([^"]+)"', body)
        self.assertEqual(names[:3], ["small-lib", "app-two", "app-one"])

    def test_strangers_leave_nothing(self):
        self.site.ask("/package/app-one")
        self.assertNotIn("/package/app-one", self.site.ask("/").sidebar())


class Clearing(Shared):
    def token(self, cookie):
        page = self.site.ask("/cache", Cookie=cookie).body
        return re.search(r'name="token" value="([0-9a-f]{16})"', page).group(1)

    def test_only_with_the_visitors_own_token(self):
        one, two = "visitor=4001", "visitor=4002"
        own, other = self.token(one), self.token(two)
        self.assertNotEqual(own, other)
        self.site.ask("/", Cookie=one)
        for body in ("", "token=", "token=" + other, "token=" + own + "0", "token=" + own[:-1],
                     "tok=" + own, "token=" + "0" * 16):
            with self.subTest(body):
                self.assertEqual(self.site.post("/cache/clear", body, one).status, 403)
        self.assertEqual(self.site.post("/cache/clear", "token=" + own).status, 403)
        self.assertEqual(self.site.ask("/", Cookie=one).cost()["misses"], 0)

        answer = self.site.post("/cache/clear", "token=" + own, one)
        self.assertEqual((answer.status, answer.headers["Location"]), (303, "/cache"))
        self.assertEqual(self.site.ask("/", Cookie=one).cost()["hits"], 0)

    def test_forms_are_bounded(self):
        cookie = "visitor=4003"
        long = "token=" + self.token(cookie) + "&x=" + "y" * 5000
        self.assertEqual(self.site.post("/cache/clear", long, cookie).status, 413)
        plain = self.site.post("/cache/clear", "token=x", cookie, content_type="text/plain")
        self.assertEqual(plain.status, 400)


class Crowd(Shared):
    def test_many_at_once(self):
        def visit(number):
            path = PAGES[number % len(PAGES)]
            off = "; cache=off" if number % 5 == 0 else ""
            answer = self.site.ask(path, Cookie=f"visitor={5000 + number % 7}{off}")
            return path, answer.status, answer.main()

        with concurrent.futures.ThreadPoolExecutor(16) as pool:
            answers = list(pool.map(visit, range(400)))
        self.assertEqual({status for _, status, _ in answers}, {200})
        for path in PAGES:
            self.assertEqual(len({main for asked, _, main in answers if asked == path}), 1)


class StartAndStop(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="jaycache-site-")
        self.addCleanup(shutil.rmtree, self.folder)

    def run_site(self, *options):
        return subprocess.run(
            [PROGRAM, *options], capture_output=True, text=True, timeout=120, check=False
        )

    def test_stops_on_either_signal(self):
        for number in (signal.SIGTERM, signal.SIGINT):
            with self.subTest(number), Site(PROGRAM, folder=self.folder) as site:
                self.assertEqual(site.ask("/").status, 200)
                # A connection that is left open does not hold it up.
                with socket.create_connection(("127.0.0.1", site.port), 60):
                    self.assertEqual(site.stop(number), 0)

    def test_database_is_made_when_records_change(self):
        with Site(PROGRAM, folder=self.folder) as site:
            made = os.stat(site.db).st_ino
            site.stop()
        with Site(PROGRAM, folder=self.folder) as site:
            self.assertEqual(os.stat(site.db).st_ino, made)
            site.stop()
        with open(os.path.join(self.folder, "records"), "a", encoding="utf-8") as stream:
            stream.write("\nPackage: late-comer\nVersion: 1\nDescription: came later\n")
        with Site(PROGRAM, folder=self.folder) as site:
            self.assertNotEqual(os.stat(site.db).st_ino, made)
            self.assertEqual(site.ask("/package/late-comer").status, 200)
            site.stop()
        self.assertEqual([name for name in os.listdir(self.folder) if name.endswith(".new")], [])

    def test_works_with_any_cache(self):
        for cache in ("null:", "simple:", "memory:?max_items=1", "memory:?max_items=3&prefix=x:"):
            with self.subTest(cache), Site(PROGRAM, "--cache", cache, folder=self.folder) as site:
                for _ in range(2):
                    for path in PAGES + ["/cache"]:
                        self.assertEqual(site.ask(path, Cookie=ME).status, 200)
                self.assertEqual(site.stop(), 0)

    def test_mistakes_are_named(self):
        records = os.path.join(self.folder, "records")
        db = os.path.join(self.folder, "x.db")
        empty = os.path.join(self.folder, "empty")
        make_records(records)
        with open(empty, "w", encoding="utf-8"):
            pass
        own = ["--records", records, "--db", db]
        cases = [
            (1, [*own, "--port", "0", "--cache", "nonsense:"], "nonsense"),
            (1, [*own, "--port", "0", "--cache", "memory:?max_itms=5"], "max_items"),
            (1, [*own, "--listen", "localhost"], "no address"),
            (1, [*own, "--listen", "example.org:80"], "no address"),
            (2, [*own, "--port", "70000"], "--port"),
            (2, [*own, "--threads", "0"], "--threads"),
            (2, [*own, "stray"], "stray"),
            (2, ["--nonsense"], "nonsense"),
            (1, ["--records", os.path.join(self.folder, "none"), "--db", db], "none"),
            (1, ["--records", empty, "--db", db], "no package records"),
            (1, ["--records", records, "--db", os.path.join(self.folder, "no/x.db")], "no/x.db"),
        ]
        for status, options, said in cases:
            with self.subTest(options):
                done = self.run_site(*options)
                self.assertEqual(done.returncode, status, done.stderr)
                self.assertIn(said, done.stderr)
        self.assertIn("--cache URL", self.run_site("--help").stdout)

    def test_taken_port_is_an_error_when_asked_for(self):
        records = os.path.join(self.folder, "records")
        with Site(PROGRAM, folder=self.folder) as site:
            db = os.path.join(self.folder, "y.db")
            done = self.run_site("--records", records, "--db", db, "--port", str(site.port))
            self.assertEqual(done.returncode, 1)
            self.assertIn("in use", done.stderr)
            site.stop()


if __name__ == "__main__":
    PROGRAM = sys.argv.pop(1)
    unittest.main(verbosity=2)
