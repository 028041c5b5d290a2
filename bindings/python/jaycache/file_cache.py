"""file_cache.py - FileSystemCache: a cache in files of a directory, on the library's `file:`.

The store lies in the folder `jaycache` of cache_dir, in a form of its own: what else is there is
not touched. Files of the original, whose names are all that is left of their keys, are pointed out
when a directory with some is opened; the command `jaycache import` takes them over. The private
names of the original say what they used to say, of entries instead of files: `_list_dir` and
`_get_filename` give the names that the original would have given them.
"""

import io
import os
import string
from hashlib import md5
from time import time
from urllib.parse import quote

from . import _jaycache
from .base import BoundedStore, logger, own, seconds_of
from .serializers import FileSystemSerializer


#: Bytes of the files for each entry of a threshold, and their limits. The log grows up to what it
#: may take even if few small entries are overwritten, so few entries should not get the whole.
_ENTRY_BYTES = 256 << 10
_LEAST_BYTES = 64 << 20
_MOST_BYTES = 1 << 30


class StreamCodec:
    """dumps and loads of a serializer that only has dump and load for streams."""

    def __init__(self, serializer):
        self._serializer = serializer

    def dumps(self, value):
        stream = io.BytesIO()
        self._serializer.dump(value, stream)
        return stream.getvalue()

    def loads(self, bvalue):
        try:
            return self._serializer.load(io.BytesIO(bvalue))
        except EOFError:
            return None


class FileSystemCache(BoundedStore):
    """A cache in files, which processes share and which outlives them.

    :param cache_dir: the directory; it is made if it is not there.
    :param threshold: as many entries are kept; one more comes before old ones go. 0: no limit.
    :param default_timeout: seconds that an entry lives by default; 0: for ever.
    :param mode: the permissions of the files, by default 0600.
    :param hash_method: a function of hashlib for the names that `_get_filename` gives.
    :param hashed_keys: True: the keys of entries are the names that `_get_filename` gives, as in
                        the original. For entries that `jaycache import` has taken over from there,
                        whose keys nobody knows any more.
    :param max_bytes: the most that the files may take; by default 256 KiB for each entry of the
                      threshold, but 64 MiB at least and 1 GiB at most.
    :param serializer: how values become bytes; by default pickle.
    :param secret_key: a key, or a list of keys, to sign every value with.
    :param options: further options of `file:`, such as sync="data", or layout="files" for a file for
                    each entry, which is the default on network file systems only.
    """

    #: What temporary files of the original ended in.
    _fs_transaction_suffix = ".__wz_cache"
    #: The key under which the number of entries can be read.
    _fs_count_file = "__wz_cache_count"
    serializer = FileSystemSerializer()
    _traits = (
        _jaycache.PY_LOCAL
        | _jaycache.PY_QUIET
        | _jaycache.PY_MISS_HOOK
        | _jaycache.PY_DELETES_MISSES
    )

    def __init__(
        self,
        cache_dir,
        threshold=500,
        default_timeout=300,
        mode=None,
        hash_method=md5,
        ignore_delete_many_errors=True,
        *,
        hashed_keys=False,
        max_bytes=None,
        serializer=None,
        secret_key=None,
        **options,
    ):
        self._setup(
            default_timeout,
            serializer,
            secret_key,
            ignore_delete_many_errors=ignore_delete_many_errors,
        )
        self._path = os.fspath(cache_dir)
        self._hashed_keys = hashed_keys
        self._hash_method = hash_method
        self._mode = 0o600 if mode is None else mode
        os.makedirs(self._path, exist_ok=True)
        options["mode"] = self._mode
        if max_bytes is None and threshold:
            max_bytes = min(max(threshold * _ENTRY_BYTES, _LEAST_BYTES), _MOST_BYTES)
        self._looked_at = None
        traits = _jaycache.PY_SET_HOOK if threshold else 0
        if hashed_keys:
            traits |= _jaycache.PY_ODD_KEYS
        else:
            self._point_out_old_files()
        self._open_bounded("file:" + quote(self._place()), options, threshold, max_bytes, traits)

    def _place(self):
        return os.path.join(os.path.abspath(self._path), "jaycache")

    def _point_out_old_files(self):
        """Warns of files of the original, which a program may count on; the first is enough."""
        with os.scandir(self._path) as entries:
            name = next((each.name for each in entries if self._may_be_old(each.name)), None)
        if name is not None:
            logger.warning(
                "%s has files of werkzeug or cachelib, such as %s, which are not read. To take them "
                "over, run `jaycache -u file:%s import %s` and use FileSystemCache with "
                "hashed_keys=True; else delete them.",
                self._path,
                name,
                quote(self._place()),
                self._path,
            )

    def _inner_serializer(self):
        serializer = self.serializer
        is_for_streams = hasattr(serializer, "dump") and not hasattr(serializer, "dumps")
        return StreamCodec(serializer) if is_for_streams else serializer

    def _missed(self, key):
        """Called for a get that finds nothing."""
        if key == self._fs_count_file and self._threshold:
            return self.stats()["items"]
        return None

    def _setting(self, key):
        """Called before a set, if there is a threshold: says which files are none of ours.

        The original came upon them when it made room; now nobody does, but someone may wait for
        entries of an older version to be found. A look at the directory's date is enough to see
        that there is nothing new.
        """
        date = os.stat(self._path).st_mtime_ns
        if date == self._looked_at:
            return
        self._looked_at = date
        if self._over_threshold():
            for name in self._foreign_files():
                logger.warning(
                    "Exception raised while handling cache file '%s': it is not an entry of this "
                    "cache, and is left alone",
                    os.path.join(self._path, name),
                )
        else:
            self._looked_at = None

    def _may_be_old(self, name):
        length = len(self._hash_method(b"").hexdigest())
        return len(name) == length and set(name) <= set(string.hexdigits)

    def _foreign_files(self):
        return filter(self._may_be_old, os.listdir(self._path))

    @property
    def _file_count(self):
        return self.stats()["items"] if self._threshold else 0

    def _update_count(self, delta=None, value=None):
        """Nothing: the store counts."""

    def _is_mgmt(self, name):
        count_name = os.path.basename(self._get_filename(self._fs_count_file))
        return name == count_name or name.endswith(self._fs_transaction_suffix)

    def _hashed(self, key):
        name = key.encode("utf-8", "surrogatepass") if isinstance(key, str) else bytes(key)
        return self._hash_method(name).hexdigest()

    def _odd_key(self, key):
        if not self._hashed_keys:
            return super()._odd_key(key)
        is_plain = isinstance(key, (str, bytes, bytearray, memoryview))
        return self._hashed(key if is_plain else super()._odd_key(key)).encode()

    def _get_filename(self, key):
        return os.path.join(self._path, self._hashed(key))

    def _list_dir(self):
        """The names of all live entries, as `_get_filename` gives them."""
        if self._hashed_keys:
            return [os.path.join(self._path, name) for name in self.keys()]
        return [self._get_filename(key) for key in self.keys()]

    @own
    def _normalize_timeout(self, timeout):
        timeout = self.default_timeout if timeout is None else seconds_of(timeout)
        return int(time() + timeout) if timeout != 0 else 0
