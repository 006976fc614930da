"""Corrected translations, kept in a file for fine-tuning; and who may write to it.

Each line is one pair, {"en": "...", "ja": "..."}, as `nmt data prepare` and fine-tuning read it.
"""

import contextlib
import ipaddress
import json
import os
import re
import sys
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO, Literal

import nmt

MAX_LENGTH = 10_000  # characters of a sentence: whatever is longer is none
_CODE = r"([a-z]{2,3}(?:-[A-Z0-9][A-Za-z0-9]*)*)"  # a region or a script begins with a capital, as in en-pt-BR
_FILE = re.compile(rf"corrections-{_CODE}-{_CODE}\.jsonl")
_FORWARDED = ("forwarded", "x-forwarded-for", "x-forwarded-host", "x-real-ip", "via")


class Corrections:
    """Files of corrections in a folder, one for each pair of languages. Safe to share between threads and processes.

    Args:
        folder: made when first written to.
        writers: who may save: everybody who reaches the page, who sits at this computer, or nobody.
    """

    def __init__(self, folder: Path, writers: Literal["all", "local", "none"] = "local"):
        self.folder, self._writers = folder, writers
        self._lock = threading.Lock()

    def path(self, info: nmt.BundleInfo) -> Path:
        """Where the corrections of a model's pair of languages go."""
        return self.folder / f"corrections-{info.source_language}-{info.target_language}.jsonl"

    def kept(self) -> list[dict[str, Any]]:
        """How many there are of each pair of languages: `source`, `target` and `count`, the most first."""
        found = []
        for path in sorted(self.folder.glob("corrections-*.jsonl")):
            match = _FILE.fullmatch(path.name)
            with contextlib.suppress(OSError):
                count = path.read_bytes().count(b"\n")
                if match and count:
                    found.append({"source": match[1], "target": match[2], "count": count})
        return sorted(found, key=lambda one: -int(one["count"]))

    def open(self, source: str, target: str) -> BinaryIO:
        """The file of a pair of languages.

        Raises:
            ConfigError: there are no corrections for it.
        """
        try:
            return (self.folder / f"corrections-{_code(source)}-{_code(target)}.jsonl").open("rb")
        except OSError:
            raise nmt.ConfigError(f"no corrections from {source} to {target} have been saved yet") from None

    @property
    def allowed(self) -> bool:
        """Whether the page offers to save."""
        return self._writers != "none"

    def check(self, headers: Mapping[str, str], client: str) -> None:
        """Raises ConfigError where a request must not write; see `is_local`."""
        if self._writers == "none" or (self._writers == "local" and not is_local(headers, client)):
            raise nmt.ConfigError(
                "corrections are saved only from the computer that serves the page; "
                "nmt ui --corrections FOLDER lets every visitor save them"
            )

    def save(self, info: nmt.BundleInfo, source: str, target: str) -> Path:
        """Append a pair; returns the file. After a power cut the line is there as a whole or not at all.

        Raises:
            ConfigError: a side is empty or too long, or the file cannot be written.
        """
        pair = {info.source_language: source.strip(), info.target_language: target.strip()}
        if not all(pair.values()) or any(len(side) > MAX_LENGTH for side in pair.values()):
            raise nmt.ConfigError(f"a correction has two sides of 1 to {MAX_LENGTH:,} characters")
        line = json.dumps(pair, ensure_ascii=False).encode("utf-8", "replace") + b"\n"
        path = self.path(info)
        try:
            with self._lock:
                _append(path, line)
        except OSError as error:
            raise nmt.ConfigError(f"cannot write {path}: {error.strerror or error}") from None
        return path


def is_from_own_page(headers: Mapping[str, str]) -> bool:
    """Whether a request comes from a page of the server that it goes to, and not from another site's.

    Args:
        headers: of the request, by name in small letters.
    """
    site = headers.get("sec-fetch-site", "")  # on plain http browsers leave it out
    origin = headers.get("origin", "").partition("://")[2]
    return site == "same-origin" or bool(not site and origin and origin == headers.get("host"))


def is_local(headers: Mapping[str, str], client: str) -> bool:
    """Whether a request comes from a page of this computer, opened on this computer.

    The address alone does not tell: a proxy on this computer passes on what others ask, a name that leads to
    127.0.0.1 may be anybody's, and so may be the page that another tab has open.

    Args:
        headers: of the request, by name in small letters.
        client: its address.
    """
    if not is_loopback(client) or any(name in headers for name in _FORWARDED):
        return False
    host = headers.get("host", "")
    if headers.get("sec-fetch-site", "same-origin") != "same-origin":
        return False
    origin = headers.get("origin", "")
    return is_loopback(_without_port(host)) and origin.partition("://")[2] == host


def _code(code: str) -> str:
    """A code that can be part of a file's name; of another one there is no file."""
    return code if re.fullmatch(_CODE, code) else "none"


def _without_port(host: str) -> str:
    return host[1:].partition("]")[0] if host.startswith("[") else host.partition(":")[0]


def is_loopback(host: str) -> bool:
    """Whether an address is one that only the same computer reaches."""
    if host == "localhost":
        return True
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return False
    mapped = getattr(address, "ipv4_mapped", None)
    return bool((mapped or address).is_loopback)


def data_folder(environment: Mapping[str, str] = os.environ, platform: str = sys.platform) -> Path:
    """Where programs keep what belongs to their user, in a folder of this package's own."""
    if given := environment.get("XDG_DATA_HOME", ""):
        return Path(given) / "nmt"
    if platform == "win32" and environment.get("LOCALAPPDATA", ""):
        return Path(environment["LOCALAPPDATA"]) / "nmt"
    if platform == "darwin":
        return Path.home() / "Library" / "Application Support" / "nmt"
    return Path.home() / ".local" / "share" / "nmt"


def shown(path: Path) -> str:
    """A path with ~ for the home folder."""
    with contextlib.suppress(ValueError, RuntimeError):
        return f"~/{path.relative_to(Path.home()).as_posix()}"
    return str(path)


def _append(path: Path, line: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o600)
    try:
        with _alone(descriptor):
            size = os.fstat(descriptor).st_size
            if size:
                os.lseek(descriptor, size - 1, os.SEEK_SET)
                if os.read(descriptor, 1) != b"\n":  # a line that was cut off must not spoil the next
                    line = b"\n" + line
            written = os.write(descriptor, line)
            if written < len(line):  # the disk is full: half a pair is worse than none
                os.ftruncate(descriptor, size)
                raise OSError("the disk is full")
            os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def _alone(descriptor: int) -> Iterator[None]:
    """Other processes wait meanwhile, where the system can do that."""
    try:
        import fcntl
    except ModuleNotFoundError:  # Windows: the lock between threads must do
        yield
        return
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    try:
        yield
    finally:
        fcntl.flock(descriptor, fcntl.LOCK_UN)
