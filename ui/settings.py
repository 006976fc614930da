"""What the person who starts the server decides: limits, keys, who may call it from other pages."""

import re
from dataclasses import dataclass
from pathlib import Path

import nmt

from .corrections import data_folder

_ORIGIN = re.compile(r"https?://[A-Za-z0-9.-]+(:\d+)?|https?://\[[0-9A-Fa-f:]+\](:\d+)?")
_KEY = re.compile(r"[!-~]{8,200}")


@dataclass(frozen=True)
class ServerConfig:
    """Limits of a server; the defaults suit one that only its own computer reaches.

    Raises:
        ConfigError: a value that makes no sense.
    """

    api_keys: str = ""  # file with the keys that callers must have; empty: none are asked for
    max_text_length: int = 100_000  # characters in one request, all its texts together
    max_upload_mb: int = 10
    requests_per_minute: int = 0  # from each address or key; 0: as many as come
    max_waiting: int = 100  # requests that wait while others are worked on; further ones are turned away
    timeout: float = 60.0  # seconds for each CHARACTERS_IN_TIME of a text; a file may take FILE_PATIENCE times as long
    cors_origins: tuple[str, ...] = ()  # sites whose pages may call the server; "*": all
    threads: int = 0  # processor threads; 0: all
    corrections: str = ""  # folder that every visitor may save corrections in; empty: this computer's user only
    finetuning: str = ""  # folder in which every visitor may train models; empty: this computer's user only

    def corrections_folder(self) -> Path:
        """Where corrections are saved: as told, or with the other data of the user."""
        return Path(self.corrections).expanduser() if self.corrections else data_folder()

    def finetuning_folder(self) -> Path:
        """Where models are trained: as told, or with the other data of the user."""
        return Path(self.finetuning).expanduser() if self.finetuning else data_folder() / "models"

    def seconds_for(self, length: int) -> float:
        """In which a text of so many characters must be translated."""
        return self.timeout * max(1.0, length / CHARACTERS_IN_TIME)

    @property
    def longest_wait(self) -> float:
        """Seconds in which whatever is in work must be done."""
        return max(self.timeout * FILE_PATIENCE, self.seconds_for(self.max_text_length))

    def __post_init__(self) -> None:
        for name, least in (("max_text_length", 1), ("max_upload_mb", 1), ("requests_per_minute", 0)):
            self._check(name, least)
        for name in ("max_waiting", "threads"):
            self._check(name, 0)
        if not 0 < self.timeout <= 86_400:
            raise nmt.ConfigError(f"--timeout must be above 0 and at most 86,400 seconds, not {self.timeout:g}")
        for origin in self.cors_origins:
            if origin != "*" and not _ORIGIN.fullmatch(origin):
                raise nmt.ConfigError(
                    f'--cors-origin must look like https://example.org, without a path, or be "*", not "{origin}"'
                )

    def _check(self, name: str, least: int) -> None:
        if getattr(self, name) < least:
            raise nmt.ConfigError(f"--{name.replace('_', '-')} must be at least {least}, not {getattr(self, name)}")


FILE_PATIENCE = 10
CHARACTERS_IN_TIME = 10_000  # a longer text may take longer in proportion


def read_keys(path: str) -> frozenset[str]:
    """The keys in a file, one on each line; lines that start with # are remarks. No path: no keys.

    Raises:
        ConfigError: the file cannot be read, has no key, or a line that cannot be one.
    """
    if not path:
        return frozenset()
    try:
        lines = Path(path).read_text(encoding="utf-8").splitlines()
    except OSError as error:
        raise nmt.ConfigError(f"cannot read the file of --api-keys {path}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise nmt.ConfigError(f"the file of --api-keys {path} is not text") from None
    keys = set()
    for number, line in enumerate(lines, 1):
        key = line.strip()
        if not key or key.startswith("#"):
            continue
        if not _KEY.fullmatch(key):  # not shown: it may be a secret with a slip of the keyboard
            raise nmt.ConfigError(
                f"{path}, line {number}: a key is 8 to 200 letters, digits and signs without spaces; "
                "one can be made with: openssl rand -hex 16"
            )
        keys.add(key)
    if not keys:
        raise nmt.ConfigError(f"{path} has no API key; write one on each line")
    return frozenset(keys)
