"""One training run on several processes, or on several devices of one: under JAX, whose compiler divides the work.

A batch is an array whose rows lie on different devices. The update is written as if there were one device, so the sums
in it, of the loss, of its tokens and of the gradients, are those of the whole batch, and the noise is the one that a
single device would have drawn. The weights are whole on every device.

Elsewhere than under JAX there is one process, and nothing here does anything.
"""

import contextlib
import re
import socket
import time
from collections.abc import Iterator
from typing import Any

import keras
import numpy as np

from nmt.errors import TrainingError

_SHARES = bool(keras.backend.backend() == "jax")
_MEETING = 300.0  # seconds in which all processes must have been started
_LEAVING = 100  # seconds that a process which leaves waits for the others

if _SHARES:
    import jax
    from jax.experimental import multihost_utils


def join(coordinator: str, count: int, number: int) -> None:
    """Become one of several processes; to be called before the backend starts work. Ends when all have come.

    Args:
        coordinator: HOST:PORT, where the process with number 0 listens.
        count: of the processes.
        number: of this one, from 0.

    Raises:
        TrainingError: the backend cannot do that, or the others were not met.
    """
    if not _SHARES:
        raise TrainingError("several processes train one model under JAX only: set KERAS_BACKEND=jax for each of them")
    if number > 0:
        wait_for(coordinator)
    jax.config.update("jax_enable_preemption_service", False)  # it would swallow the signal that ends a process
    try:
        # Bound to the address that the others were told, and not, as JAX would, to all that the machine has.
        jax.distributed.initialize(
            coordinator, count, number, coordinator_bind_address=coordinator, shutdown_timeout_seconds=_LEAVING
        )
    except (RuntimeError, ValueError) as error:
        said = str(error).splitlines()[0]
        raise TrainingError(
            f"process {number} of {count} did not meet the others at {coordinator}: {said}; "
            "start all of them within five minutes, with the same address"
        ) from None


def wait_for(coordinator: str) -> None:
    """Return when something listens at HOST:PORT; JAX, which tries as long, would end by aborting the process.

    Raises:
        TrainingError: nothing has come to listen there.
    """
    host, _, port = coordinator.rpartition(":")
    until = time.monotonic() + _MEETING
    while True:
        try:
            socket.create_connection((host.strip("[]"), int(port)), timeout=5).close()
            return
        except (OSError, OverflowError) as error:
            if time.monotonic() >= until:
                raise TrainingError(
                    f"process 0 does not answer at {coordinator} ({error}); start it, with an address that this "
                    "machine can reach"
                ) from None
        time.sleep(0.5)


@contextlib.contextmanager
def together() -> Iterator[None]:
    """Inside, it is said in one line that another process has ended, whose part of an update then never comes.

    Raises:
        TrainingError: it has.
    """
    try:
        yield
    except (RuntimeError, ValueError) as error:  # JAX has no class of its own for it
        said = re.search(r"[^\n]*\b(Gloo|NCCL|[Cc]oordination service|Connection (reset|closed))[^\n]*", str(error))
        if count() == 1 or not said:
            raise
        raise TrainingError(
            f"another process has ended or cannot be reached ({said[0].strip()}); "
            "start all of them again: the run goes on from its last checkpoint"
        ) from None


def leave() -> None:
    """Go on alone. All processes do it at the same time."""
    if _SHARES and jax.distributed.is_initialized():
        jax.distributed.shutdown()


def count() -> int:
    """How many processes there are."""
    return int(jax.process_count()) if _SHARES else 1


def is_first() -> bool:
    """Whether this is the process that writes, the one with number 0."""
    return not _SHARES or bool(jax.process_index() == 0)


@contextlib.contextmanager
def spread() -> Iterator[None]:
    """Inside, models are made and trained on all devices of all processes."""
    if not _SHARES or jax.device_count() == 1:
        yield
        return
    with keras.distribution.DataParallel(devices=keras.distribution.list_devices(), auto_shard_dataset=False).scope():
        yield


def num_devices() -> int:
    """How many devices share each batch."""
    distribution = keras.distribution.distribution()
    return int(distribution.num_model_replicas) if distribution else 1


def own_rows(rows: np.ndarray) -> np.ndarray:
    """Those rows of a batch that this process works on; the number of all must be a multiple of the devices."""
    if num_devices() == 1 or count() == 1:
        return rows
    size = len(rows) // count()
    start = int(jax.process_index()) * size
    return rows[start : start + size]


def from_first(content: bytes) -> bytes:
    """What the first process gives here, in all processes. All must call it."""
    if count() == 1:
        return content
    size = int(multihost_utils.broadcast_one_to_all(np.int32(len(content))))
    values = np.frombuffer(content if is_first() else bytes(size), dtype=np.uint8)
    return bytes(np.asarray(multihost_utils.broadcast_one_to_all(values)))


def number_of_first(value: float) -> float:
    """The number that the first process gives here, to the bit. All must call it."""
    if count() == 1:
        return value
    return float(np.frombuffer(from_first(np.float64(value).tobytes()), dtype=np.float64)[0])


def all_of(content: bytes) -> list[bytes]:
    """What each process gives here, by its number; equally long. All must call it."""
    if count() == 1:
        return [content]
    rows = multihost_utils.process_allgather(np.frombuffer(content, dtype=np.uint8))
    return [bytes(row) for row in np.asarray(rows)]


def local(value: Any) -> Any:
    """A tensor that is whole on every device, as one of this process alone can use it."""
    if not _SHARES or len(value.sharding.device_set) == 1:
        return value
    return value.addressable_data(0)
