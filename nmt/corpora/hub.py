"""What Hugging Face `datasets` opens: a data set of its hub, and a folder that holds one."""

import contextlib
import os
import re
import socket
import tempfile
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from nmt.corpora.arrow import dataset_chunks
from nmt.corpora.columns import Wanted
from nmt.corpora.files import Chunk
from nmt.corpora.loading import quiet
from nmt.errors import CorpusError

PREFIX = "hf:"
USUAL_SPLIT = "train"

_ID = re.compile(r"([^/:\s]+/[^/:\s]+)(?:/([^:\s]+))?(?::(.+))?")
_SAVED = ("state.json", "dataset_dict.json")  # what `save_to_disk` leaves in a folder


@dataclass(frozen=True)
class HubPlace:
    """A data set of the hub: `hf:OWNER/NAME`, `hf:OWNER/NAME/CONFIG`, either with `:SPLIT` behind it."""

    name: str
    config: str | None
    split: str

    @classmethod
    def parse(cls, place: str) -> "HubPlace":
        """
        Raises:
            CorpusError: it is not spelled like that.
        """
        match = _ID.fullmatch(place.removeprefix(PREFIX))
        if match is None:
            raise CorpusError(
                f'"{place}" names no data set; expected hf:OWNER/NAME, hf:OWNER/NAME/CONFIG or '
                "hf:OWNER/NAME/CONFIG:SPLIT, such as hf:Helsinki-NLP/opus-100/en-ja:train"
            )
        return cls(match[1], match[2], match[3] or USUAL_SPLIT)


def is_hub_place(place: str | Path) -> bool:
    return str(place).startswith(PREFIX)


def hub_chunks(place: str, wanted: Wanted, *, progress: bool = False) -> Iterator[Chunk]:
    """The pairs of a data set of the hub, from the user's cache or downloaded into it.

    Raises:
        CorpusError: there is no such data set, configuration, split or column, or the hub cannot be reached.
        MissingExtraError: `datasets` is not installed.
    """
    named = HubPlace.parse(place)
    if Path(named.name).is_dir():  # a copy of it in the working folder, which `datasets` would prefer as well
        yield from folder_chunks(Path(named.name), named.split, wanted, config=named.config)
        return
    with quiet(progress) as datasets, _maybe_offline(datasets):
        try:
            dataset = datasets.load_dataset(named.name, named.config, split=named.split)
        # What a network, a hub, a cache and a data set can do wrong has no class in common.
        except Exception as error:
            raise _unavailable(place, error) from None
        yield from dataset_chunks(place, dataset, wanted)


def folder_chunks(folder: Path, split: str, wanted: Wanted, *, config: str | None = None) -> Iterator[Chunk]:
    """The pairs of a folder: a copy of a data set of the hub, or what `save_to_disk` wrote. Nothing is left behind.

    Raises:
        CorpusError: it holds no data set, or no such split or column.
        MissingExtraError: `datasets` is not installed.
    """
    with quiet() as datasets, tempfile.TemporaryDirectory(prefix="nmt-corpus-", ignore_cleanup_errors=True) as cache:
        try:
            dataset = _load_folder(datasets, folder, config, split, cache)
        except Exception as error:  # as above
            raise CorpusError(f"{folder}: {_line(error)}") from None
        yield from dataset_chunks(str(folder), dataset, wanted)


def _load_folder(datasets: Any, folder: Path, config: str | None, split: str, cache: str) -> Any:
    if not any((folder / name).exists() for name in _SAVED):
        # an absolute path, as a relative one with one slash might be an id
        return datasets.load_dataset(str(folder.absolute()), config, split=split, cache_dir=cache)
    saved = datasets.load_from_disk(str(folder))
    if isinstance(saved, datasets.Dataset):
        return saved
    if split not in saved:
        raise CorpusError(f'no split "{split}"; there are: {", ".join(saved)}')
    return saved[split]


@contextlib.contextmanager
def _maybe_offline(datasets: Any) -> Iterator[None]:
    """Where the hub's name is not even known, `datasets` looks into the cache at once instead of trying for long."""
    before = datasets.config.HF_HUB_OFFLINE
    datasets.config.HF_HUB_OFFLINE = before or not _is_known(datasets.config.HF_ENDPOINT)
    try:
        yield
    finally:
        datasets.config.HF_HUB_OFFLINE = before


def _is_known(endpoint: str) -> bool:
    parts = urlsplit(endpoint)
    if urllib.request.getproxies():
        return True  # the proxy knows names
    try:
        socket.getaddrinfo(parts.hostname, parts.port or 443)
    except OSError:
        return False
    return True


def _unavailable(place: str, error: Exception) -> CorpusError:
    if _is_network(error):
        home = os.environ.get("HF_HOME", "~/.cache/huggingface")
        return CorpusError(
            f"{place} is not in the cache ({home}), and the Hugging Face hub cannot be reached; "
            "connect this machine, or download the data set on another and give its folder or files"
        )
    return CorpusError(f"{place} cannot be loaded: {_line(error)}")


def _is_network(error: BaseException | None) -> bool:
    """Whether it is, or came of, a connection that failed."""
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        # those of httpx and requests are not ConnectionErrors
        if isinstance(error, ConnectionError | TimeoutError) or re.search(r"Connect|Timeout", type(error).__name__):
            return True
        error = error.__cause__ or error.__context__
    return False


def _line(error: Exception) -> str:
    return " ".join(str(error).split()) or type(error).__name__
