"""Chunks translated on the machines of a Ray cluster.

Each chunk is a task, so that Ray places it where a processor is free, and again elsewhere if a process or a machine is
lost. A process that has the model keeps it for the tasks that come to it later. The model travels through Ray's object
store: the machines need this package, and no folder in common.
"""

import dataclasses
import functools
import logging
import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from nmt.errors import MissingExtraError, NmtError
from nmt.jobs.journal import Result
from nmt.jobs.workers import ModelSettings, translate_texts
from nmt.translator import Translator

_RETRIES = 20  # of a chunk whose process or machine is lost


class RayWorkers:
    """Translates with one task per chunk, on all processors of a cluster. See `nmt.jobs.workers.Workers`.

    The cluster is the one that this process is connected to, or that RAY_ADDRESS names, or else this machine alone,
    as a cluster that ends with `close`.

    Raises:
        MissingExtraError: Ray is not installed.
        NmtError: there is no such cluster.
    """

    def __init__(self, settings: ModelSettings):
        os.environ["RAY_USAGE_STATS_ENABLED"] = "0"  # read when Ray starts; it would report home
        try:
            import ray
        except ImportError:
            raise MissingExtraError("Translating on a Ray cluster", "cluster") from None
        self._is_ours = not ray.is_initialized()
        if self._is_ours:
            try:
                ray.init(include_dashboard=False, log_to_driver=False, logging_level=logging.ERROR)
            except (ConnectionError, RuntimeError, ValueError, OSError) as error:
                raise NmtError(f"cannot use the Ray cluster {os.environ.get('RAY_ADDRESS', '')}: {error}") from None
        self.capacity = 2 * max(1, int(ray.cluster_resources().get("CPU", 1)))  # each has its next chunk at hand
        files = {path.name: path.read_bytes() for path in sorted(settings.folder.iterdir()) if path.is_file()}
        self._settings = dataclasses.replace(settings, num_threads=settings.num_threads or 1)
        self._num_cpus = self._settings.num_threads
        self._files = [ray.put(files)]  # in a list, so that Ray hands it on unread to processes that have the model

    def submit(self, texts: list[str]) -> Callable[[], list[Result]]:
        """See `Workers`."""
        import ray

        task = ray.remote(num_cpus=self._num_cpus, max_retries=_RETRIES, scheduling_strategy="SPREAD")(_translate)
        return functools.partial(_wait, task.remote(self._settings, self._files, texts))

    def close(self) -> None:
        """See `Workers`."""
        import ray

        self._files = []
        if self._is_ours:
            ray.shutdown()


def _wait(reference: Any) -> list[Result]:
    import ray

    try:
        results: list[Result] = ray.get(reference)
    except ray.exceptions.RayTaskError as error:
        if isinstance(error.cause, NmtError):
            raise NmtError(str(error.cause)) from None
        raise
    except ray.exceptions.RayError as error:
        raise NmtError(
            f"the Ray cluster lost a part of the job: {error}. What is done is kept: the same command continues there"
        ) from None
    return results


def _translate(settings: ModelSettings, files: list[Any], texts: list[str]) -> list[Result]:
    """`translate_texts`, in a process of the cluster."""
    try:
        return translate_texts(_loaded(settings, files[0]), texts, settings.search, settings.options)
    except NmtError as error:
        raise NmtError(str(error)) from None  # not every kind survives the way to another process


@functools.lru_cache(maxsize=1)
def _loaded(settings: ModelSettings, files: Any) -> Translator:
    import ray

    with tempfile.TemporaryDirectory(prefix="nmt-") as folder:
        for name, content in ray.get(files).items():
            (Path(folder) / name).write_bytes(content)
        return dataclasses.replace(settings, folder=Path(folder)).load()
