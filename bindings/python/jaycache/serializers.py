"""serializers.py - how values become bytes: pickle, JSON, MessagePack, and signed with a key.

A serializer has `dumps` and `loads`, and for files `dump` and `load` with a stream. Any object that
does can be the `serializer` of a cache. The C part does the work of those in PLAIN_SERIALIZERS
itself, to the byte.
"""

import hashlib
import hmac
import json
import logging
import pickle

logger = logging.getLogger("jaycache")


class BaseSerializer:
    """Pickle. A value that cannot be unpickled is None, with a warning."""

    def _warn(self, error):
        logger.warning("An exception has been raised during a pickling operation: %s", error)

    def dumps(self, value, protocol=pickle.HIGHEST_PROTOCOL):
        """The bytes of a value, or None when it refuses to be pickled."""
        try:
            return pickle.dumps(value, protocol)
        except pickle.PickleError as error:
            self._warn(error)
            return None

    def loads(self, bvalue):
        """The value of bytes, or None when they are no pickle."""
        try:
            return pickle.loads(bvalue)
        except (pickle.PickleError, EOFError) as error:
            self._warn(error)
            return None

    def dump(self, value, f, protocol=pickle.HIGHEST_PROTOCOL):
        try:
            pickle.dump(value, f, protocol)
        except pickle.PickleError as error:
            self._warn(error)

    def load(self, f):
        try:
            return pickle.load(f)
        except pickle.PickleError as error:
            self._warn(error)
            return None


class PickleSerializer(BaseSerializer):
    """Pickle, by its name."""


class SimpleSerializer(BaseSerializer):
    """What SimpleCache uses."""


class FileSystemSerializer(BaseSerializer):
    """What FileSystemCache uses."""


class UWSGISerializer(BaseSerializer):
    """What UWSGICache used."""


class BaseRedisSerializer(BaseSerializer):
    """Integers as decimal digits, all else as a pickle with '!' before it."""

    def dumps(self, value, protocol=pickle.HIGHEST_PROTOCOL):
        if type(value) is int:
            return str(value).encode("ascii")
        return b"!" + pickle.dumps(value, protocol)

    def loads(self, value):
        if value is None:
            return None
        if value.startswith(b"!"):
            try:
                return pickle.loads(value[1:])
            except (pickle.PickleError, EOFError):
                return None
        try:
            return int(value)
        except ValueError:
            return value


class RedisSerializer(BaseRedisSerializer):
    """What RedisCache uses."""


class ValkeySerializer(BaseRedisSerializer):
    """What ValkeyCache uses."""


class RawSerializer:
    """Bytes as they are, texts as their UTF-8; what comes back is bytes, or an int."""

    def dumps(self, value):
        return value.encode() if isinstance(value, str) else bytes(value)

    def loads(self, bvalue):
        return bytes(bvalue)


class _TextStreams:
    """dump and load by dumps and loads."""

    #: Integers are stored as decimal digits, by which the store can count.
    ints_are_digits = True

    def dump(self, value, f):
        data = self.dumps(value)
        if data is not None:
            f.write(data)

    def load(self, f):
        return self.loads(f.read())


class JSONSerializer(_TextStreams):
    """JSON. A value that JSON does not have is None, with a warning."""

    def dumps(self, value):
        try:
            return json.dumps(value, separators=(",", ":")).encode()
        except (TypeError, ValueError, pickle.PickleError) as error:
            logger.warning("This value cannot be written as JSON: %s", error)
            return None

    def loads(self, bvalue):
        try:
            return json.loads(bytes(bvalue) if isinstance(bvalue, memoryview) else bvalue)
        except ValueError as error:
            logger.warning("This is no JSON: %s", error)
            return None


class MessagePackSerializer(_TextStreams):
    """MessagePack, by the package msgpack."""

    def __init__(self):
        import msgpack

        self._pack = msgpack.Packer(use_bin_type=True, autoreset=True).pack
        self._unpack = msgpack.unpackb
        self._errors = (msgpack.UnpackException, ValueError, UnicodeDecodeError)

    def __reduce__(self):
        return type(self), ()

    def dumps(self, value):
        return str(value).encode() if type(value) is int else self._pack(value)

    def loads(self, bvalue):
        # No value that is packed here begins with a digit or a sign: those are integers.
        if bvalue[:1] in b"-0123456789" and bvalue[:1]:
            return int(bvalue)
        try:
            return self._unpack(bvalue, raw=False, strict_map_key=False)
        except self._errors as error:
            logger.warning("This is no MessagePack: %s", error)
            return None


class SignedSerializer(_TextStreams):
    """Another serializer's bytes behind their HMAC-SHA256, which is checked before they are read.

    :param keys: a key, as text or bytes, or a list of keys: the first signs, all are accepted, so
                 that a new key can be put before the old one until its values have expired.
    :param inner: the serializer; by default pickle.
    """

    MARK = b"\x01jh"
    ints_are_digits = False

    def __init__(self, keys, inner=None):
        if isinstance(keys, (str, bytes)):
            keys = [keys]
        self._keys = [key.encode() if isinstance(key, str) else bytes(key) for key in keys]
        if not self._keys or not all(self._keys):
            raise ValueError("secret_key must be a key, or a list of keys, none of them empty")
        self._inner = inner if inner is not None else PickleSerializer()

    def _sign(self, key, body):
        return hmac.digest(key, self.MARK + body, hashlib.sha256)

    def dumps(self, value):
        body = self._inner.dumps(value)
        if body is None:
            return None
        body = body.encode() if isinstance(body, str) else body
        return self.MARK + self._sign(self._keys[0], body) + body

    def loads(self, bvalue):
        if not isinstance(bvalue, (bytes, bytearray, memoryview)):
            return None
        bvalue = bytes(bvalue)
        start = len(self.MARK) + 32
        if not bvalue.startswith(self.MARK) or len(bvalue) < start:
            return None
        mac, body = bvalue[len(self.MARK) : start], bvalue[start:]
        # All keys are tried, so that the time does not tell which one fits.
        fits = [hmac.compare_digest(self._sign(key, body), mac) for key in self._keys]
        return self._inner.loads(body) if any(fits) else None


#: These the C part knows.
PLAIN_SERIALIZERS = {
    BaseSerializer,
    PickleSerializer,
    SimpleSerializer,
    FileSystemSerializer,
    BaseRedisSerializer,
    RedisSerializer,
    ValkeySerializer,
}
