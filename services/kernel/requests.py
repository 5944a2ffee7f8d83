"""A caller's request id and what it stood for, so that a retry finds what the first call made."""

import hashlib
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True)
class RequestKey:
    """Who asked for what under which id. An empty `request_id` asks for no such protection."""

    caller: str
    rpc: str
    request_id: str
    content: bytes

    @property
    def fingerprint(self) -> str:
        return hashlib.sha256(self.content).hexdigest()


class RequestLog(Protocol):
    """The memory of request ids, inside the transaction of the effect."""

    def claim(self, key: RequestKey, result_id: str) -> str | None:
        """Remembers that `key` makes `result_id`, or returns the id that an earlier call with this key made.

        Raises RequestIdReused when the earlier call had other content. Waits for a concurrent call with the same key.
        """
        ...
