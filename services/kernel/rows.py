"""What the read side needs of a database: run a statement, get flat frozen rows."""

from collections.abc import Mapping
from typing import Any, Protocol, TypeVar

T = TypeVar("T")


class Rows(Protocol):
    """Runs read-only statements. A statement is a SQLAlchemy Core select made once, at import; its columns, in order,
    are the fields of `into`."""

    def all(self, statement: Any, into: type[T], parameters: Mapping[str, Any] | None = None) -> list[T]: ...

    def one(self, statement: Any, into: type[T], parameters: Mapping[str, Any] | None = None) -> T | None: ...
