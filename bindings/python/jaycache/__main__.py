"""python -m jaycache: reads and changes a cache from the command line."""

import argparse
import json
import math
import os
import sys

from . import Cache, CacheError, __version__


def _parser():
    parser = argparse.ArgumentParser(
        prog="python -m jaycache",
        description="Reads and changes a cache. Values are bytes as they are stored.",
        epilog="Exit status: 0 found or done, 1 not there (add: there already), 2 wrong usage, "
        "3 the cache failed.",
    )
    parser.add_argument(
        "-u",
        "--url",
        default=os.environ.get("JAYCACHE_URL"),
        help="the cache, for instance shm:site (default: JAYCACHE_URL)",
    )
    parser.add_argument("-V", "--version", action="version", version=f"jaycache {__version__}")
    commands = parser.add_subparsers(dest="command", required=True)

    def command(name, text, *arguments):
        one = commands.add_parser(name, help=text, description=text)
        for argument, kind in arguments:
            options = {"type": int} if kind == "int" else {}
            one.add_argument(argument, nargs=kind if kind in ("?", "+") else None, **options)
        return one

    command("get", "print a value", ("key", None))
    for name, text in (("set", "store a value"), ("add", "store a value unless the key is there")):
        one = command(name, text + "; without VALUE, standard input", ("key", None), ("value", "?"))
        one.add_argument("--timeout", type=float, help="seconds until it expires; 0: never")
    command("delete", "remove entries", ("keys", "+"))
    command("has", "ask whether a key is there", ("key", None))
    command("ttl", "print the seconds that an entry has left", ("key", None))
    for name, text in (("inc", "add to a counter"), ("dec", "subtract from a counter")):
        one = command(name, text, ("key", None))
        one.add_argument("delta", type=int, nargs="?", default=1)
    command("list", "print the keys")
    command("stats", "print the statistics as JSON")
    command("clear", "remove every entry")
    return parser


def _store(cache, arguments):
    value = arguments.value
    data = os.fsencode(value) if value is not None else sys.stdin.buffer.read()
    method = cache.set if arguments.command == "set" else cache.add
    return 0 if method(arguments.key, data, arguments.timeout) else 1


def _get(cache, arguments):
    view = cache.get_view(arguments.key)
    if view is None:
        return 1
    sys.stdout.buffer.write(view)
    if sys.stdout.isatty():
        sys.stdout.buffer.write(b"\n")
    return 0


def _ttl(cache, arguments):
    left = cache.ttl(arguments.key)
    if left is None:
        return 1
    print("never" if left == math.inf else left)
    return 0


def run(cache, arguments):
    """Carries a command out. Returns the exit status."""
    name = arguments.command
    if name in ("set", "add"):
        return _store(cache, arguments)
    if name == "get":
        return _get(cache, arguments)
    if name == "ttl":
        return _ttl(cache, arguments)
    if name == "delete":
        return 0 if len(cache.delete_many(*arguments.keys)) == len(arguments.keys) else 1
    if name == "has":
        return 0 if cache.has(arguments.key) else 1
    if name in ("inc", "dec"):
        print(getattr(cache, name)(arguments.key, arguments.delta))
    elif name == "list":
        for key in cache.keys():
            print(key if isinstance(key, str) else repr(key))
    elif name == "stats":
        print(json.dumps(cache.stats(), indent=4))
    else:
        cache.clear()
    return 0


def main():
    parser = _parser()
    arguments = parser.parse_args()
    if not arguments.url:
        parser.error("say which cache: -u URL, or JAYCACHE_URL")
    try:
        with Cache(arguments.url, serializer="raw") as cache:
            return run(cache, arguments)
    except CacheError as error:
        print(f"jaycache: {error}", file=sys.stderr)
        return 3


if __name__ == "__main__":
    sys.exit(main())
