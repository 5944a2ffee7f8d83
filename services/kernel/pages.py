"""Lists in pages: sizes with a limit, and tokens that say where the next page starts (AIP-158)."""

import base64
import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from services.kernel.errors import PageTokenInvalid

T = TypeVar("T")

DEFAULT_SIZE = 20
MAX_SIZE = 100


@dataclass(frozen=True)
class PageRequest:
    """How many rows are wanted and after which key; `filters` ties a token to the list it was made for."""

    size: int = 0
    token: str = ""
    filters: str = ""

    @property
    def limit(self) -> int:
        return min(self.size or DEFAULT_SIZE, MAX_SIZE)

    def after(self, length: int) -> list[str] | None:
        """The key of the last row of the page before, `length` parts long, or None for the first page."""
        if not self.token:
            return None
        try:
            mark, *key = json.loads(base64.urlsafe_b64decode(self.token + "=" * (-len(self.token) % 4)))
        except (ValueError, TypeError):
            raise PageTokenInvalid(field="page_token") from None
        if mark != _mark(self.filters) or len(key) != length or not all(isinstance(part, str) for part in key):
            raise PageTokenInvalid(field="page_token")
        return [str(part) for part in key]


@dataclass(frozen=True)
class Page(Generic[T]):
    rows: Sequence[T]
    next_token: str


def page_of(rows: Sequence[T], request: PageRequest, key: Callable[[T], Sequence[str]]) -> Page[T]:
    """A page from rows that were read with `limit + 1`: the extra row says that there is a next page."""
    kept = rows[: request.limit]
    if len(rows) <= request.limit:
        return Page(kept, "")
    token = json.dumps([_mark(request.filters), *key(kept[-1])]).encode()
    return Page(kept, base64.urlsafe_b64encode(token).decode().rstrip("="))


def _mark(filters: str) -> str:
    return hashlib.sha256(filters.encode()).hexdigest()[:12]
