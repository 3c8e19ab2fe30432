"""A set of keys on disk: tens of millions of paths would not fit into memory."""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Iterable

from vision.files import readable

_CACHE_KB = 64 << 10


class KeySet:
    """Keys that were seen, as hashes of 16 bytes in a temporary database: memory up to 64 MB, then a file.

    Two of 10 million keys have the same hash with a probability of 1.5e-25.
    """

    def __init__(self) -> None:
        # No name: SQLite removes it with the connection. A crash needs no repair, so nothing is journaled.
        self._database = sqlite3.connect("", isolation_level=None, check_same_thread=False)
        for pragma in ("journal_mode = OFF", "synchronous = OFF", f"cache_size = -{_CACHE_KB}"):
            self._database.execute(f"PRAGMA {pragma}")
        self._database.execute("CREATE TABLE keys (key BLOB PRIMARY KEY) WITHOUT ROWID")

    def __len__(self) -> int:
        [(count,)] = self._database.execute("SELECT count(*) FROM keys")
        return int(count)

    def __contains__(self, key: tuple[str, ...]) -> bool:
        found = self._database.execute("SELECT 1 FROM keys WHERE key = ?", (_digest(key),)).fetchone()
        return found is not None

    def add(self, key: tuple[str, ...]) -> bool:
        """Add a key.

        Returns:
            Whether it is new.
        """
        return self._database.execute("INSERT OR IGNORE INTO keys VALUES (?)", (_digest(key),)).rowcount == 1

    def update(self, keys: Iterable[tuple[str, ...]]) -> None:
        """Add many keys."""
        self._database.execute("BEGIN")
        self._database.executemany("INSERT OR IGNORE INTO keys VALUES (?)", ((_digest(key),) for key in keys))
        self._database.execute("COMMIT")


def _digest(key: tuple[str, ...]) -> bytes:
    # As the table has it, which holds UTF-8 alone; a file is the same by its path and by its address. No path has a
    # zero byte: joined by it, the parts cannot be taken for others.
    parts = (readable(part).removeprefix("file://") for part in key)
    return hashlib.blake2b("\0".join(parts).encode(), digest_size=16).digest()
