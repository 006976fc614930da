"""The encoding of text that does not name it."""

import codecs

UTF16 = ("utf-16-le", "utf-16-be")
_LEAST = 6  # bytes; of fewer nobody can tell


def unmarked_utf16(head: bytes, is_all: bool = False) -> str | None:
    """The byte order of UTF-16 without a mark: where letters are Latin most upper bytes are zeros, and no lower one.

    Args:
        head: the first bytes of a text.
        is_all: whether these are all that there are, which then must be whole characters.

    Returns:
        One of `UTF16`, or None where it is something else.
    """
    halves = head[::2], head[1::2]
    for encoding, lower, upper in zip(UTF16, halves, halves[::-1], strict=True):
        if len(head) >= _LEAST and upper.count(0) > len(upper) / 2 and not lower.count(0):
            try:
                codecs.getincrementaldecoder(encoding)().decode(head, final=is_all)
            except UnicodeDecodeError:
                return None
            return encoding
    return None
