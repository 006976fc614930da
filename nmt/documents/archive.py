"""Zip files that are documents: members are replaced, and everything else stays."""

import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

from nmt.errors import DocumentError


class Archive:
    """A zip file in which some members hold text.

    Args:
        path: where it is.
        kind: what it should be, for error messages.
        needed: a member that it cannot lack.

    Raises:
        DocumentError: it is none.
    """

    def __init__(self, path: Path, kind: str, needed: str):
        self._path, self._kind = path, kind
        if needed not in self.names():
            raise DocumentError(f"{path} is not {kind}: it has no {needed}; save it again from the program it is from")

    def names(self) -> list[str]:
        """All members, in order."""
        with self._open() as archive:
            return archive.namelist()

    def read(self, name: str) -> bytes:
        """The content of a member.

        Raises:
            DocumentError: it is damaged.
        """
        with self._open() as archive:
            return self._content(archive, name)

    def write(self, out: BinaryIO, change: Callable[[str, bytes], bytes]) -> None:
        """Write the archive again with what `change` makes of each member; its times and its order stay."""
        with self._open() as archive, zipfile.ZipFile(out, "w") as new:
            for member in archive.infolist():
                data = self._content(archive, member.filename)
                # The same name, time, rights and compression, but not the places and sizes of the old file.
                info = zipfile.ZipInfo(member.filename, member.date_time)
                info.compress_type, info.external_attr = member.compress_type, member.external_attr
                info.create_system = member.create_system
                new.writestr(info, change(member.filename, data))

    def _content(self, archive: zipfile.ZipFile, name: str) -> bytes:
        try:
            return archive.read(name)
        except (KeyError, RuntimeError, NotImplementedError, zipfile.BadZipFile, zlib.error) as error:
            raise DocumentError(f"{self._path}: {name} in it cannot be read: {error}") from None

    def _open(self) -> zipfile.ZipFile:
        try:
            return zipfile.ZipFile(self._path)
        except zipfile.BadZipFile:
            raise DocumentError(
                f"{self._path} is not {self._kind}, or damaged, or locked with a password: save it again from the"
                " program it is from"
            ) from None
        except OSError as error:
            raise DocumentError(f"{self._path} cannot be read: {error.strerror or error}") from None
