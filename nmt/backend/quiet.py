"""Keeping a library's greetings off the terminal."""

import contextlib
import os
from collections.abc import Iterator


@contextlib.contextmanager
def quietly() -> Iterator[None]:
    """What is written to standard error inside is gone, also by code that is not Python's.

    TensorFlow says on every start that oneDNN is on, whatever level of logging it is told to keep.
    """
    try:
        kept = os.dup(2)
    except OSError:  # there is no standard error, as under pythonw
        yield
        return
    try:
        with open(os.devnull, "wb") as nowhere:
            os.dup2(nowhere.fileno(), 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
