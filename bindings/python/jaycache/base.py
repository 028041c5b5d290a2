"""base.py - BaseCache and NullCache, and what all classes on the C library have in common.

`BaseCache` is plain Python, as users know it from cachelib: a class to derive caches of their own
from. `StoreCache` is `_jaycache.Store`, one open cache of the C library, under the same interface.
"""

import hashlib
import logging
import math
import types
from time import time

from . import _jaycache
from .serializers import PLAIN_SERIALIZERS, SignedSerializer

logger = logging.getLogger("jaycache")


def own(function):
    """Marks a method of this package: one without the mark was written by someone else."""
    function.jaycache_own = True
    return function


def _document(cls):
    """Gives methods of this package's classes the text of those that they stand for."""
    for name, member in vars(cls).items():
        if isinstance(member, types.FunctionType) and member.__doc__ is None:
            member.__doc__ = getattr(getattr(super(cls, cls), name, None), "__doc__", None)


def seconds_of(timeout):
    """A timeout as whole seconds if it is a timedelta, which are rounded up; else as it is."""
    if hasattr(timeout, "total_seconds"):
        return math.ceil(timeout.total_seconds())
    return timeout


class BaseCache:
    """The interface of all caches, and a cache that stores nothing.

    :param default_timeout: seconds that an entry lives when :meth:`set` is not told otherwise; 0
                            means for ever.
    :param ignore_delete_many_errors: False: :meth:`delete_many` raises RuntimeError when a key that
                                      is there could not be deleted.
    :param secret_key: a key, or a list of keys, to sign what `serializer` makes with.
    """

    ignore_delete_many_errors = True

    def __init__(self, default_timeout=300, ignore_delete_many_errors=True, *, secret_key=None):
        self.default_timeout = seconds_of(default_timeout)
        if not ignore_delete_many_errors:
            self.ignore_delete_many_errors = False
        if secret_key is not None:
            self.serializer = SignedSerializer(secret_key, getattr(self, "serializer", None))

    def __init_subclass__(cls, **arguments):
        super().__init_subclass__(**arguments)
        if cls.__module__.partition(".")[0] == __package__:
            _document(cls)

    @own
    def _normalize_timeout(self, timeout):
        return self.default_timeout if timeout is None else seconds_of(timeout)

    def get(self, key):
        """The value of a key, or None when it is not there.

        :param key: the key to look up.
        """
        return None

    def delete(self, key):
        """Remove an entry.

        :param key: the key to remove.
        :returns: whether it was there and is gone.
        """
        return True

    def get_many(self, *keys):
        """The values of many keys, as a list in their order, None for those that are not there.

        :param keys: any number of keys.
        """
        return [self.get(key) for key in keys]

    def get_dict(self, *keys):
        """As :meth:`get_many`, but a dict that has every key asked for.

        :param keys: any number of keys.
        """
        return dict(zip(keys, self.get_many(*keys)))

    def set(self, key, value, timeout=None):
        """Store a value, whether or not the key is there.

        :param key: the key.
        :param value: the value.
        :param timeout: seconds until it expires; 0: never; None: the cache's default.
        :returns: True, or False when the store failed. A value that cannot be pickled raises.
        """
        return True

    def add(self, key, value, timeout=None):
        """As :meth:`set`, but leave an entry that is there as it is.

        :param key: the key.
        :param value: the value.
        :param timeout: as for :meth:`set`.
        :returns: True, or False when the key was there.
        """
        return True

    def set_many(self, mapping, timeout=None):
        """Store many values.

        :param mapping: a mapping of keys to values, or pairs of both.
        :param timeout: as for :meth:`set`, for all of them.
        :returns: a list of the keys that were stored.
        """
        pairs = mapping.items() if hasattr(mapping, "items") else mapping
        return [key for key, value in pairs if self.set(key, value, timeout)]

    def delete_many(self, *keys):
        """Remove many entries.

        :param keys: any number of keys.
        :returns: a list of the keys that were removed.
        """
        deleted = [key for key in keys if self.delete(key)]
        self._check_deleted(keys, deleted)
        return deleted

    def _check_deleted(self, keys, deleted):
        if self.ignore_delete_many_errors or len(deleted) == len(keys):
            return
        left = [key for key in keys if key not in deleted and self.has(key)]
        if left:
            raise RuntimeError(f"Failed to delete keys: {left}")

    def has(self, key):
        """Whether a key is there, without reading its value.

        :param key: the key to look for.
        """
        raise NotImplementedError(
            f"{type(self).__name__} cannot tell whether a key is there without reading its value; "
            "use get"
        )

    def clear(self):
        """Remove every entry.

        :returns: whether the cache is empty.
        """
        return True

    def inc(self, key, delta=1):
        """Add to a number; a missing one becomes `delta`. Atomic where the cache can do it.

        :param key: the key.
        :param delta: what to add.
        :returns: the new value, or None when the store failed.
        """
        value = (self.get(key) or 0) + delta
        return value if self.set(key, value) else None

    def dec(self, key, delta=1):
        """Subtract from a number; a missing one becomes `-delta`. Atomic where the cache can do it.

        :param key: the key.
        :param delta: what to subtract.
        :returns: the new value, or None when the store failed.
        """
        value = (self.get(key) or 0) - delta
        return value if self.set(key, value) else None


class NullCache(BaseCache):
    """A cache that stores nothing: for switching a cache off.

    :param default_timeout: taken for the sake of the other caches, and not used.
    """

    def has(self, key):
        return False


def _is_own(cache, name):
    function = getattr(type(cache), name, None)
    if name in cache.__dict__:
        return False
    return isinstance(function, types.MethodDescriptorType) or hasattr(function, "jaycache_own")


#: Schemes of caches that another process cannot open.
_IN_THIS_PROCESS = ("memory", "simple")
#: Attributes that are made anew where they are needed.
_NOT_PICKLED = ("_spare", "_dumps", "_loads")


def _reopen(kind, state, default_timeout):
    """Makes a cache of what StoreCache.__reduce__ has written."""
    cache = kind.__new__(kind)
    for name, value in state.items():
        setattr(cache, name, value)
    cache.default_timeout = default_timeout
    if cache._opened is not None:
        cache._open(*cache._opened)
    return cache


class StoreCache(_jaycache.Store, BaseCache):
    """What the classes on the C library share. Use one of those, or :class:`Cache` with a URL."""

    _form = _jaycache.PY_PICKLE
    _traits = _jaycache.PY_LOCAL | _jaycache.PY_QUIET
    #: The key before which nothing stands; a text, bytes, or a function that returns one.
    key_prefix = None
    #: Whether what `_normalize_timeout` returns is a date.
    _normalizes_to_date = True
    #: 1: the library counts, and Python what it cannot; 2: the library alone.
    _counting = 1
    _signing_keys = None

    #: What `_open` was given; None: not open.
    _opened = None

    def _open(self, url, options, form, traits):
        _jaycache.Store._open(self, url, options, form, traits)
        self._opened = url, options, form, traits

    def __reduce__(self):
        """For multiprocessing: what is unpickled is opened anew, on the same entries."""
        if self._scheme in _IN_THIS_PROCESS:
            raise TypeError(f"the entries of this {type(self).__name__} are in this process only")
        state = {name: value for name, value in self.__dict__.items() if name not in _NOT_PICKLED}
        return _reopen, (type(self), state, self.default_timeout)

    def _setup(self, default_timeout=300, serializer=None, secret_key=None, **base):
        BaseCache.__init__(self, default_timeout, **base)
        if serializer is not None:
            self.serializer = serializer
        if secret_key is not None:
            self._signing_keys = secret_key

    def _inner_serializer(self):
        """What makes the bytes that may be signed."""
        return getattr(self, "serializer", None)

    # -- what the C part asks ---------------------------------------------------------------

    def _codec(self):
        """The functions to store and to load values with; None: the C part's own."""
        serializer = self._inner_serializer()
        if self._signing_keys is not None:
            signed = SignedSerializer(self._signing_keys, serializer)
            return signed.dumps, signed.loads, False
        if type(serializer) in PLAIN_SERIALIZERS and not serializer.__dict__:
            return None, None, True
        return serializer.dumps, serializer.loads, getattr(serializer, "ints_are_digits", False)

    def _configure(self):
        """(dumps, loads, digits, counting, prefix, ask for ttl, ask for prefix, own get, set, delete)"""
        dumps, loads, digits = self._codec()
        counting = self._counting if digits or self._counting == 2 else 0
        if self._signing_keys is not None:
            counting = 0
        asks_prefix = callable(self.key_prefix) or not _is_own(self, "_get_prefix")
        prefix = None if asks_prefix else self._prefix_bytes()
        own_methods = [_is_own(self, name) for name in ("get", "set", "delete")]
        asks_ttl = not _is_own(self, "_normalize_timeout")
        return dumps, loads, digits, counting, prefix, asks_ttl, asks_prefix, *own_methods

    @own
    def _get_prefix(self):
        prefix = self.key_prefix
        return (prefix() if callable(prefix) else prefix) or ""

    def _prefix_bytes(self):
        prefix = self._get_prefix()
        return (prefix.encode() if isinstance(prefix, str) else bytes(prefix)) or None

    def _odd_key(self, key):
        """Bytes for a key that is neither a text nor bytes of usual length."""
        if isinstance(key, str):
            name = key.encode("utf-8", "surrogatepass")
        elif isinstance(key, (bytes, bytearray, memoryview)):
            name = bytes(key)
        elif self._traits & _jaycache.PY_LOCAL:
            name = f"\0{type(key).__name__}:{key!r}".encode("utf-8", "surrogatepass")
        else:
            name = str(key() if callable(key) else key).encode("utf-8", "surrogatepass")
        if self._traits & _jaycache.PY_LOCAL:
            if not name:
                return b"\0"
            if len(name) > 60000:
                return b"\0long:" + hashlib.sha256(name).digest()
        return name

    def _asked_ttl_ms(self, timeout):
        """Milliseconds from a `_normalize_timeout` that a subclass has written."""
        until = self._normalize_timeout(timeout)
        if until == 0 or (until == -1 and not self._normalizes_to_date):
            return 0
        left = until - time() if self._normalizes_to_date else until
        return math.ceil(left * 1000) if left > 0 else -1

    def _failed(self, error):
        logger.warning("Exception raised while handling %s: %s", type(self).__name__, error)

    def _count(self, key, delta, down):
        """inc and dec of what the library cannot count on: floats, big integers, signed values."""
        by = 1 if delta is None else delta
        by = -by if down else by
        if not (_is_own(self, "get") and _is_own(self, "set")):
            value = (self.get(key) or 0) + by
            return value if self.set(key, value) else None
        while True:
            value, version = self.gets(key)
            if version is None:
                if self.add(key, by):
                    return by
                if not self.has(key):
                    return None
                continue
            left = self.ttl(key)
            total = (value or 0) + by
            if left is not None and self.cas(key, total, version, 0 if left == math.inf else left):
                return total

    def _each_get(self, keys):
        return [self.get(key) for key in keys]

    def _each_set(self, pairs, timeout):
        return [key for key, value in pairs if self.set(key, value, timeout)]

    def _each_delete(self, keys):
        return [key for key in keys if self.delete(key)]

    # -- the interface ------------------------------------------------------------------------

    def delete_many(self, *keys):
        deleted = _jaycache.Store.delete_many(self, *keys)
        if not self.ignore_delete_many_errors:
            self._check_deleted(keys, deleted)
        return deleted

    delete_many.__doc__ = BaseCache.delete_many.__doc__

    def get_dict(self, *keys):
        return dict(zip(keys, self.get_many(*keys)))

    get_dict.__doc__ = BaseCache.get_dict.__doc__

    def keys(self):
        """The keys of all live entries, as a list; those that are no text, as bytes."""
        prefix = self._prefix_bytes() or b""
        found = []
        for key in self._raw_keys():
            if not key.startswith(prefix):
                continue
            name = key[len(prefix) :]
            try:
                found.append(name.decode())
            except UnicodeDecodeError:
                found.append(name)
        return found

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.close()


class BoundedStore(StoreCache):
    """A StoreCache with a threshold. The store itself makes room, in the library."""

    #: How many entries there may be beyond the threshold.
    _slack = 1
    _threshold = 0

    def _open_bounded(self, url, options, threshold, max_bytes, traits=0):
        self._threshold = threshold
        if threshold:
            options["max_items"] = threshold + self._slack
        options["max_bytes"] = max_bytes
        self._open(url, options, self._form, self._traits | traits)

    def _over_threshold(self):
        return self._threshold != 0 and self.stats()["items"] > self._threshold

    def _prune(self):
        """Nothing: the store has made room when a call is done."""

    def _remove_expired(self, now):
        """Nothing: what has expired is not there for anyone."""

    def _remove_older(self):
        """Nothing: see `_prune`."""
