"""Hugging Face `datasets`, kept quiet, without calls home for local files and without a cache that stays behind."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from nmt.errors import CorpusError, MissingExtraError


def load_library() -> Any:
    """The library `datasets`.

    Raises:
        MissingExtraError: it is not installed.
    """
    try:
        import datasets
    except ImportError:
        raise MissingExtraError("Reading corpora", "train") from None
    return datasets


@contextmanager
def quiet(progress: bool = False) -> Iterator[Any]:
    """`datasets`, silent for as long as it lasts, and without the request that counts every use.

    Args:
        progress: leave its bars on; a download is long.
    """
    datasets = load_library()
    from huggingface_hub.utils import logging as hub_logging

    verbosity, bars = datasets.logging.get_verbosity(), datasets.are_progress_bars_disabled()
    hub_verbosity, counts = hub_logging.get_verbosity(), datasets.config.HF_UPDATE_DOWNLOAD_COUNTS
    datasets.logging.set_verbosity(datasets.logging.CRITICAL)
    hub_logging.set_verbosity(datasets.logging.CRITICAL)
    datasets.config.HF_UPDATE_DOWNLOAD_COUNTS = False
    if not progress:
        datasets.disable_progress_bars()
    try:
        yield datasets
    finally:
        datasets.logging.set_verbosity(verbosity)
        hub_logging.set_verbosity(hub_verbosity)
        datasets.config.HF_UPDATE_DOWNLOAD_COUNTS = counts
        if not bars:
            datasets.enable_progress_bars()


@contextmanager
def loading(file: Path) -> Iterator[tuple[Any, Path]]:
    """`datasets` for a local file, with a cache folder that is gone afterwards.

    Raises:
        CorpusError: the file is not what its ending says.
    """
    with quiet() as datasets, tempfile.TemporaryDirectory(prefix="nmt-corpus-", ignore_cleanup_errors=True) as cache:
        try:
            yield datasets, Path(cache)
        except datasets.exceptions.DatasetGenerationError as error:
            reason = str(error.__cause__ or error).strip().removeprefix("Error tokenizing data. C error: ")
            kind = file.suffixes[-2] if file.suffix == ".gz" else file.suffix
            raise CorpusError(f"{file} cannot be read as {kind}: {reason}") from None
