"""setup.py - builds the extension module, the C library included, and puts both into an archive.

The library's sources are those of the tree around this folder, or in an unpacked archive those in
`library`, where `setup.py sdist` has put them. JAYCACHE_TLS=0 builds without OpenSSL.
"""

import concurrent.futures
import os
import re
import shutil

from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext
from setuptools.command.sdist import sdist

HERE = os.path.dirname(os.path.abspath(__file__))
TREE = os.path.dirname(os.path.dirname(HERE))
PARTS = ("src", "include")
INSIDE = os.path.join(HERE, "library")


def library():
    """Where the library's sources are, as seen from here."""
    return "library" if os.path.isdir(INSIDE) else os.path.relpath(TREE, HERE)


def read(*path):
    with open(os.path.join(HERE, *path), encoding="utf-8") as stream:
        return stream.read()


def version():
    text = read(library(), "include", "jaycache", "version.h")
    return re.search(r'JAY_VERSION_STRING "([^"]+)"', text).group(1)


def sources():
    listed = re.findall(r"[\w/.-]+\.c\b", read(library(), "src", "sources.cmake"))
    mine = sorted(name for name in os.listdir(os.path.join(HERE, "src")) if name.endswith(".c"))
    return [f"src/{name}" for name in mine] + [f"{library()}/src/{name}" for name in listed]


class SdistWithLibrary(sdist):
    """An archive that has the library in it."""

    def run(self):
        is_copied = not os.path.isdir(INSIDE)
        if is_copied:
            for part in PARTS:
                shutil.copytree(os.path.join(TREE, part), os.path.join(INSIDE, part))
        try:
            super().run()
        finally:
            if is_copied:
                shutil.rmtree(INSIDE)


class ParallelBuild(build_ext):
    """Compiles as many files at a time as there are processors, into one folder."""

    def build_extensions(self):
        compile_some = self.compiler.compile
        name_objects = self.compiler.object_filenames

        def name_flat(files, strip_dir=0, output_dir=""):
            """By base names, which are unique: `../../src` would lead out of the folder."""
            return name_objects(files, strip_dir=1, output_dir=output_dir)

        def compile_all(files, **options):
            with concurrent.futures.ThreadPoolExecutor(len(os.sched_getaffinity(0))) as pool:
                made = pool.map(lambda file: compile_some([file], **options), files)
                return [each for objects in made for each in objects]

        self.compiler.object_filenames = name_flat
        self.compiler.compile = compile_all
        super().build_extensions()


with_tls = os.environ.get("JAYCACHE_TLS", "1") != "0"
setup(
    version=version(),
    cmdclass={"build_ext": ParallelBuild, "sdist": SdistWithLibrary},
    ext_modules=[
        Extension(
            "jaycache._jaycache",
            sources(),
            include_dirs=[f"{library()}/include", f"{library()}/src"],
            define_macros=[("_GNU_SOURCE", None)] + [("JAYCACHE_HAVE_TLS", "1")] * with_tls,
            libraries=["ssl", "crypto"] if with_tls else [],
            extra_compile_args=["-std=c11", "-O2", "-fvisibility=hidden"],
        )
    ],
)
