"""A file of blocks that grows while features come in, survives a crash, and becomes one Parquet file at the end."""

from __future__ import annotations

import os
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

from logoscan.io.files import open_own

__all__ = ["Spool"]

# A block is preceded by its length in eight bytes and the SHA-256 of its content.
_LENGTH_BYTES, _DIGEST_BYTES = 8, 32


class Spool:
    """An open file of blocks. A block that was torn by a crash is dropped, with what follows it.

    Attributes:
        path: Path of the file.
    """

    def __init__(self, path: Path) -> None:
        """Open the file, or make it, and drop what is torn at its end.

        Raises:
            InputError: It is not a plain file of this account's.
        """
        self.path = path
        self._file = open_own(path)
        for _ in self.blocks():
            pass
        self._file.truncate()

    def blocks(self) -> Iterator[bytes]:
        """Yield the whole blocks from the first one on; afterwards the file is at the end of the last."""
        end = 0
        size = os.fstat(self._file.fileno()).st_size
        while True:
            self._file.seek(end)
            head = self._file.read(_LENGTH_BYTES + _DIGEST_BYTES)
            length = int.from_bytes(head[:_LENGTH_BYTES], "big")
            if len(head) < _LENGTH_BYTES + _DIGEST_BYTES or length > size - end - len(head):
                break
            block = self._file.read(length)
            if sha256(block).digest() != head[_LENGTH_BYTES:]:
                break
            end += len(head) + length
            yield block
        self._file.seek(end)

    def append(self, block: bytes) -> None:
        """Append a block, and give it to the system."""
        self._file.seek(0, os.SEEK_END)
        self._file.write(len(block).to_bytes(_LENGTH_BYTES, "big") + sha256(block).digest() + block)
        self._file.flush()

    def close(self) -> None:
        """Close the file, which stays."""
        self._file.close()

    def remove(self) -> None:
        """Close and remove the file."""
        self._file.close()
        self.path.unlink(missing_ok=True)
