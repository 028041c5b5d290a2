"""The package as an archive and as a wheel, built and installed without a network."""

import os
import subprocess
import sys

import pytest

SOURCE = os.environ.get("JAYCACHE_SOURCE", os.path.join(os.path.dirname(__file__), "../../.."))
FOLDER = os.path.join(SOURCE, "bindings", "python")


def run(words, **options):
    done = subprocess.run(words, capture_output=True, text=True, timeout=280, **options)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return done.stdout


def copy_of_tree(place):
    """What the archive is made from, elsewhere, so that the tree stays as it is."""
    for part in ("src", "include", "bindings"):
        run(["cp", "-r", os.path.join(SOURCE, part), str(place / part)])
    return place / "bindings" / "python"


def test_archive_wheel_and_installation(tmp_path):
    tree = tmp_path / "tree"
    tree.mkdir()
    folder = copy_of_tree(tree)
    # Nothing is optimised: this is about what is in the packages.
    environment = dict(os.environ, CFLAGS="-O0 -g0", MAX_JOBS="2")
    environment.pop("PYTHONPATH", None)
    run([sys.executable, "setup.py", "-q", "sdist", "-d", str(tmp_path)], cwd=folder, env=environment)
    assert not (folder / "library").exists()
    (archive,) = tmp_path.glob("jaycache-*.tar.gz")
    unpacked = tmp_path / "unpacked"
    unpacked.mkdir()
    run(["tar", "-xf", str(archive), "-C", str(unpacked), "--strip-components=1"])
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check"]
    offline = ["--no-build-isolation", "--no-index", "--no-deps", "-q"]
    run([*pip, "wheel", *offline, "-w", str(tmp_path), str(unpacked)], env=environment)
    (wheel,) = tmp_path.glob("*.whl")
    place = tmp_path / "installed"
    run([*pip, "install", *offline, "--target", str(place), str(wheel)], env=environment)
    for name in ("py.typed", "_jaycache.pyi", "contrib/django.py", "contrib/django.pyi"):
        assert (place / "jaycache" / name).exists()
    script = (
        "import jaycache; c = jaycache.SimpleCache(); c.set('a', [1]); assert c.get('a') == [1];"
        "print(jaycache.__file__, jaycache.__version__)"
    )
    where = run([sys.executable, "-c", script], cwd=place, env=dict(environment, PYTHONPATH=str(place)))
    assert where.startswith(str(place))


def test_building_in_the_tree(tmp_path):
    """As `pip install ./bindings/python` does, with a compiler that only says where objects go."""
    folder = copy_of_tree(tmp_path)
    compiler = tmp_path / "cc"
    compiler.write_text('#!/bin/sh\nwhile [ "$1" != -o ]; do shift; done\nexec touch "$2"\n')
    compiler.chmod(0o755)
    environment = dict(os.environ, CC=str(compiler), LDSHARED=str(compiler))
    before = sorted(os.listdir(folder / "src"))
    words = [sys.executable, "setup.py", "-q", "build_ext", "-b", str(tmp_path / "made")]
    run([*words, "-t", str(tmp_path / "objects")], cwd=folder, env=environment)
    objects = [path.name for path in (tmp_path / "objects").glob("*.o")]
    assert "py_store.o" in objects and "file_check.o" in objects and len(objects) > 50
    assert sorted(os.listdir(folder / "src")) == before


def test_methods_are_documented():
    import jaycache

    names = "NullCache SimpleCache SharedMemoryCache FileSystemCache MemcachedCache RedisCache Cache"
    for cls in [getattr(jaycache, name) for name in names.split()]:
        for method in ("get", "get_many", "get_dict", "set", "set_many", "add", "delete", "delete_many"):
            assert getattr(cls, method).__doc__, (cls, method)
        for method in ("has", "inc", "dec", "clear"):
            assert getattr(cls, method).__doc__, (cls, method)


def test_types_are_declared(tmp_path):
    pytest.importorskip("mypy", reason="mypy is not installed")
    import jaycache

    package = os.path.dirname(os.path.dirname(os.path.abspath(jaycache.__file__)))
    environment = dict(os.environ, MYPYPATH=package)
    check = [sys.executable, "-m", "mypy", "--cache-dir=/dev/null", "--follow-imports=silent", "-c"]
    begin = "import jaycache\nc = jaycache.SimpleCache()\n"
    classes = "d: int = jaycache.FileSystemCache(1)"
    refused = subprocess.run(
        [*check, begin + classes],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        timeout=200,
    )
    assert refused.returncode == 1 and "FileSystemCache" in refused.stdout, refused.stdout
    run([*check, begin + "b: bool = c.set('a', 1)"], cwd=tmp_path, env=environment)
    wrong = subprocess.run(
        [*check, begin + "b: bool = c.get_view('a')"],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        timeout=200,
    )
    assert wrong.returncode == 1 and "memoryview" in wrong.stdout, wrong.stdout + wrong.stderr


#: Names for types, and methods that hand over what they are given.
ONLY_IN_STUBS = """
jaycache\\.(base|_jaycache)\\.(Key|Pairs|Prefix|Secret|Serializer|Timeout)
jaycache\\.(aio\\.)?AsyncCache\\.(clear|keys|stats)
"""


def test_stubs_say_what_is_there(tmp_path):
    pytest.importorskip("mypy", reason="mypy is not installed")
    import jaycache

    package = os.path.dirname(os.path.abspath(jaycache.__file__))
    place = tmp_path / "jaycache"
    stubs, modules = set(), set()
    for folder, _, names in os.walk(package, followlinks=True):
        inside = os.path.relpath(folder, package)
        (place / inside).mkdir(exist_ok=True)
        for name in names:
            path = os.path.join(inside, name)
            if name.endswith((".py", ".pyi", ".so")):
                (place / path).symlink_to(os.path.realpath(os.path.join(folder, name)))
            stubs |= {path[:-1]} if name.endswith(".pyi") else set()
            modules |= {path} if name.endswith(".py") else set()
    assert modules - {"./__main__.py", "./clockmodule.py", "contrib/__init__.py"} <= stubs
    assert "contrib/django.py" in modules
    (tmp_path / "allowed").write_text(ONLY_IN_STUBS)
    # What Flask-Caching and Django import would take a minute to look through.
    skipped = "[mypy-flask_caching.*]\nfollow_imports = skip\n[mypy-django.*]\nfollow_imports = skip\n"
    (tmp_path / "mypy.ini").write_text("[mypy]\nignore_missing_imports = True\n" + skipped)
    environment = dict(os.environ, MYPYPATH=str(tmp_path), PYTHONPATH=str(tmp_path))
    words = ["--ignore-missing-stub", "--ignore-unused-allowlist", "--concise", "--allowlist", "allowed"]
    words += ["--mypy-config-file", "mypy.ini"]
    run([sys.executable, "-m", "mypy.stubtest", *words, "jaycache"], cwd=tmp_path, env=environment)
