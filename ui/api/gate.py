"""Who may ask, and how often."""

import base64
import binascii
import hashlib
import ipaddress
import math
import time
from collections.abc import Callable, Mapping

_MOST_CALLERS = 10_000  # remembered; the ones not seen for longest are forgotten first


class Refused(Exception):
    """A request that is answered with an error: what is wrong, and how to mend it."""

    def __init__(self, status: int, message: str, headers: Mapping[str, str] | None = None):
        super().__init__(message)
        self.status, self.message, self.headers = status, message, dict(headers or {})


class Keys:
    """The keys that open the server; none at all: it is open.

    Only digests are kept and compared, so that the time a comparison takes says nothing about a key.
    """

    def __init__(self, keys: frozenset[str]):
        self._digests = frozenset(map(_digest, keys))

    def __bool__(self) -> bool:
        return bool(self._digests)

    def fits(self, key: str) -> bool:
        return _digest(key) in self._digests


def _digest(key: str) -> bytes:
    return hashlib.sha256(key.encode("utf-8", "surrogatepass")).digest()


def key_in_header(authorization: str) -> str:
    """The key in an `Authorization` header: a bearer token, or the password of whatever user. Empty: none."""
    scheme, _, value = authorization.strip().partition(" ")
    if scheme.lower() == "bearer":
        return value.strip()
    if scheme.lower() == "basic":
        try:
            return base64.b64decode(value.strip(), validate=True).decode("utf-8").partition(":")[2]
        except (binascii.Error, UnicodeDecodeError):
            return ""
    return ""


class RateLimit:
    """So many requests per minute from each caller, after a pause as many at once (a token bucket).

    Args:
        per_minute: 0: no limit.
        clock: seconds.
    """

    def __init__(self, per_minute: int, clock: Callable[[], float] = time.monotonic):
        self._per_minute, self._clock = per_minute, clock
        self._callers: dict[str, tuple[float, float]] = {}  # requests left, and when that was; latest caller last

    def take(self, caller: str) -> None:
        """Count one request.

        Raises:
            Refused: there were too many; `Retry-After` says when the next may come.
        """
        if not self._per_minute:
            return
        now = self._clock()
        left, since = self._callers.pop(caller, (float(self._per_minute), now))
        left = min(self._per_minute, left + (now - since) * self._per_minute / 60)
        allowed = left >= 1
        self._callers[caller] = (left - 1 if allowed else left, now)
        if len(self._callers) > _MOST_CALLERS:
            del self._callers[next(iter(self._callers))]
        if not allowed:
            seconds = math.ceil((1 - left) * 60 / self._per_minute)
            raise Refused(
                429,
                f"Slowdown: {self._per_minute} per 1 minute; try again in {seconds} s",
                {"retry-after": str(seconds)},
            )


class Gate:
    """Asks for a key where keys are needed, and for patience from who comes too often."""

    def __init__(self, keys: Keys, rate: RateLimit):
        self.keys, self._rate = keys, rate

    def admit(self, address: str, key: str) -> None:
        """Count a request of somebody with this address, who gave this key or none ("").

        Raises:
            Refused: the key is missing (400) or wrong (403), or there were too many requests (429).
        """
        known = bool(self.keys) and self.keys.fits(key)
        self._rate.take(f"key {_digest(key).hex()}" if known else _network(address))
        if self.keys and not known:
            if key:
                raise Refused(403, "Invalid API key")
            raise Refused(400, "Please contact the server operator to get an API key; send it as api_key")


def _network(address: str) -> str:
    """An address, or of IPv6 the part that one subscriber has."""
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if isinstance(parsed, ipaddress.IPv6Address):
        return str(ipaddress.ip_network((parsed, 64), strict=False))
    return str(parsed)
