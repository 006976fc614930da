"""One training run by several processes, on one machine or on several.

All of them run the same training with the same recipe and the same data, and take the same decisions; each works on
its rows of every batch (`nmt.backend.processes`). Only the first has the run's folder. The others have a temporary
one, into which goes what they need of the first one's, so machines need not share a disk.
"""

import contextlib
import dataclasses
import hashlib
import json
import re
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from nmt import bundle
from nmt.backend import processes as backend_processes
from nmt.config import Recipe
from nmt.errors import ConfigError, TrainingError
from nmt.tokenizer import Tokenizer
from nmt.training.rounds import CHECKPOINT
from nmt.training.run_folder import DATA


@dataclass(frozen=True)
class Processes:
    """Which of how many processes this is, and where they meet.

    Attributes:
        count: how many there are; 1 trains alone.
        number: of this one, from 0; the first one writes the run's folder.
        coordinator: HOST:PORT of the first one, as the others reach it.
    """

    count: int = 1
    number: int = 0
    coordinator: str = ""

    def __post_init__(self) -> None:
        if self.count < 1:
            raise ConfigError(f"the number of processes must be at least 1, not {self.count}")
        if not 0 <= self.number < self.count:
            raise ConfigError(f"with {self.count} processes, one's number is 0 to {self.count - 1}, not {self.number}")
        if self.count > 1 and not re.fullmatch(r"\S+:\d{1,5}", self.coordinator):
            raise ConfigError(
                f"{self.count} processes need the coordinator as HOST:PORT, such as localhost:7800, not "
                f'"{self.coordinator}"'
            )


ALONE = Processes()


@contextlib.contextmanager
def joined(processes: Processes, run: Path) -> Iterator[Path]:
    """Inside, this process is one of several; gives the folder that it is to take for the run's.

    Raises:
        TrainingError: the backend cannot do that, the others were not met, or one of them has ended.
    """
    if processes.count == 1:
        yield run
        return
    backend_processes.join(processes.coordinator, processes.count, processes.number)
    with backend_processes.together(), tempfile.TemporaryDirectory() as temporary:
        yield run if processes.number == 0 else Path(temporary)
    backend_processes.leave()


def from_first(
    recipe: Recipe, run: Path, make_tokenizers: Callable[[], tuple[Tokenizer, Tokenizer]]
) -> tuple[Tokenizer, Tokenizer]:
    """The run's tokenizers, made by the first process; the others get its files, and its checkpoint if there is one.

    Args:
        run: the folder, which holds the checksum of the data.
        make_tokenizers: loads them from the folder, and makes them where they are not there.

    Raises:
        TrainingError: in every process, if one of them has another recipe or other text than the first.
    """
    if backend_processes.count() > 1:
        _check_same(recipe, run)
        if backend_processes.is_first():
            make_tokenizers()
        for name in (bundle.SOURCE_TOKENIZER, bundle.TARGET_TOKENIZER, CHECKPOINT):
            _copy_of_first(run / name)
    return make_tokenizers()


def _check_same(recipe: Recipe, run: Path) -> None:
    values = json.dumps(dataclasses.asdict(recipe), sort_keys=True).encode()
    own = hashlib.sha256(values + (run / DATA).read_bytes()).digest()
    everyone = backend_processes.all_of(own)
    for number, other in enumerate(everyone):
        if other != everyone[0]:
            raise TrainingError(
                f"process {number} of {len(everyone)} has another recipe, or other train or dev text, than process 0; "
                "give all of them the same files"
            )


def _copy_of_first(path: Path) -> None:
    is_first = backend_processes.is_first()
    content = backend_processes.from_first(path.read_bytes() if is_first and path.exists() else b"")
    if content and not is_first:
        path.write_bytes(content)
