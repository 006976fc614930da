"""A line on the terminal that says how far a job is; nothing where standard error is no terminal."""

import shutil
import sys
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from nmt.jobs.files import Progress


class ProgressLine:
    """The last line of the terminal, rewritten in place."""

    def __init__(self) -> None:
        self._is_shown = sys.stderr.isatty()
        self._length = 0
        self._start = time.perf_counter()

    def show(self, progress: "Progress") -> None:
        """Say how much of a known number of words is done."""
        share = progress.num_words / progress.total_words if progress.total_words else 1.0
        text = f"{share:4.0%}  {progress.num_words:,} of {progress.total_words:,} words"
        if progress.words_per_second:
            text += f"  {progress.words_per_second:,.0f} words/s  {format_seconds(progress.seconds_left)} left"
        self._write(text)

    def count(self, name: str, num_lines: int, num_words: int) -> None:
        """Say how much of a stream is done."""
        rate = num_words / max(time.perf_counter() - self._start, 1e-9)
        self._write(f"{name}: {num_lines:,} lines  {rate:,.0f} words/s")

    def tell(self, line: str) -> None:
        """Print a line that stays, terminal or not."""
        self._write("")
        print(line, file=sys.stderr, flush=True)

    def close(self) -> None:
        """Take the line away."""
        self._write("")

    def _write(self, text: str) -> None:
        if self._is_shown:
            text = text[: shutil.get_terminal_size().columns - 1]  # a longer one would wrap and stay
            print(f"\r{text:<{self._length}}", end="\r" if not text else "", file=sys.stderr, flush=True)
            self._length = len(text)


def format_seconds(seconds: float) -> str:
    """A duration as 5:09 or 1:05:09."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
