"""test_site_browser.py - the demo site in a real browser: clicks through it as a person would.

Usage: test_site_browser.py PROGRAM FOLDER

Screenshots of the run are kept in FOLDER. Ends with 77, which ctest shows as skipped, when
Chromium or its driver is not installed.
"""

import os
import sys

from site_client import Site
from site_webdriver import Browser, find_programs

PHONE = (390, 844)
DESK = (1200, 900)


def check(is_right, what):
    if not is_right:
        raise AssertionError(what)
    print(f"ok: {what}")


def tags(browser):
    """What the bar at the foot says of each piece of the page."""
    script = "return [...document.querySelectorAll('.cost .tag')].map(tag => tag.textContent)"
    return browser.run(script)


def click_through(browser, site, folder):
    browser.look(*DESK)
    browser.open(site.url)
    check("Every package" in browser.texts("h1")[0], "the front page opens")
    check(set(tags(browser)) == {"miss"}, "its first visit makes every piece")
    check(browser.run("return getComputedStyle(document.body).display") == "block", "it has a body")
    color = browser.run("return getComputedStyle(document.querySelector('.card')).backgroundColor")
    check(color == "rgb(255, 255, 255)", "its style sheet is in force")

    browser.follow('a[href="/section/utils"]')
    check(browser.texts("h1")[0].startswith("utils"), "a click leads to a section")
    browser.follow('main a[href="/package/app-one"]')
    check(browser.texts("h1")[0].startswith("app-one"), "a click leads to a package")
    check("miss" in tags(browser), "its first visit is a miss")
    browser.screenshot(os.path.join(folder, "site-package-miss.png"))

    browser.open(site.url + "section/utils")
    browser.follow('main a[href="/package/app-one"]')
    check(tags(browser) == ["hit", "hit"], "its second visit is a hit, all of it")
    check("0 queries" in browser.texts(".cost summary")[0], "and asks the database nothing")
    check("app-one" in browser.texts("aside")[0], "the sidebar remembers it")
    browser.click(".cost summary")
    check("sidebar_for/user" in browser.texts(".cost .pieces")[0], "the bar opens and names pieces")
    browser.screenshot(os.path.join(folder, "site-package-hit.png"))


def switch_and_clear(browser, folder):
    browser.follow("a.switch")
    check(set(tags(browser)) == {"off"}, "with the cache off, every piece is made")
    browser.follow("a.switch")
    check(set(tags(browser)) == {"hit"}, "with the cache on again, they are still there")

    browser.type(".search input", "<script>alert(1)</script>")
    browser.follow(".search button")
    check("script" in browser.texts("h1")[0], "a search for a tag shows it as text")
    check("Search" in browser.run("return document.title"), "and runs nothing")

    browser.follow('nav a[href="/cache"]')
    check("of all lookups" in browser.texts(".ratio-now")[0], "the cache shows its hit ratio")
    check(len(browser.find("td.key")) > 3, "and its entries")
    browser.screenshot(os.path.join(folder, "site-cache.png"))
    browser.follow("button.danger")
    check(browser.url().endswith("/cache"), "the button to clear leads back")
    check("0" == browser.texts(".figures dd")[2], "and no item is left")


def small_and_dark(browser, site, folder):
    for path in ("", "sections", "section/utils", "package/small-lib", "search?q=program", "cache"):
        browser.look(*PHONE, "dark")
        browser.open(site.url + path)
        width = browser.run("return document.documentElement.scrollWidth")
        check(width <= PHONE[0], f"/{path} fits on a phone")
    color = browser.run("return getComputedStyle(document.body).backgroundColor")
    check(color != "rgb(243, 245, 248)", "the dark scheme is dark")
    browser.open(site.url + "package/small-lib")
    browser.screenshot(os.path.join(folder, "site-phone.png"))


def main():
    program, folder = sys.argv[1], sys.argv[2]
    if not find_programs():
        print("SKIPPED: chromium or chromedriver is not installed, so nothing was tested in a browser.")
        print("On Debian: apt-get install chromium chromium-driver")
        return 77
    os.makedirs(folder, exist_ok=True)
    with Site(program) as site, Browser(*DESK) as browser:
        click_through(browser, site, folder)
        switch_and_clear(browser, folder)
        small_and_dark(browser, site, folder)
        check(site.stop() == 0, "the site stops cleanly")
    print(f"screenshots are in {folder}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
