"""One process of a service at a time: a turn that is held as long as its database session lives."""

import threading
import zlib

import psycopg

from services.chassis.db import Writer
from services.chassis.driver import connector


class Turn:
    """An advisory lock of the service's database; it passes on when its holder ends, however it ends."""

    def __init__(self, writer: Writer, name: str) -> None:
        self._connect = connector(writer.url, "turn")
        self._number = zlib.crc32(name.encode())
        self._connection: psycopg.Connection[tuple[object, ...]] | None = None
        self._mine = False
        self._lock = threading.Lock()

    def held(self) -> bool:
        """Whether it is this process' turn now; takes it when it is free."""
        with self._lock:
            try:
                if self._connection is None:
                    connection = self._connect()
                    connection.autocommit = True
                    self._connection = connection
                # Asking again what is ours would nest the lock; a plain question shows that the session lives.
                ask = "SELECT true" if self._mine else f"SELECT pg_try_advisory_lock({self._number})"
                self._mine = self._connection.execute(ask).fetchone() == (True,)
            except psycopg.Error:
                self._close()
            return self._mine

    def give_up(self) -> None:
        with self._lock:
            self._close()

    def _close(self) -> None:
        if self._connection:
            self._connection.close()
        self._connection, self._mine = None, False
