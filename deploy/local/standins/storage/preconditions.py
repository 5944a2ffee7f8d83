"""Generation and metageneration conditions, from query parameters (JSON interface) or headers (XML interface)."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass

from deploy.local.standins.storage.errors import NotModified, invalid, precondition_failed

_QUERY_NAMES = {
    "generation_match": "ifGenerationMatch",
    "generation_not_match": "ifGenerationNotMatch",
    "metageneration_match": "ifMetagenerationMatch",
    "metageneration_not_match": "ifMetagenerationNotMatch",
}
_HEADER_NAMES = {
    "generation_match": "x-goog-if-generation-match",
    "metageneration_match": "x-goog-if-metageneration-match",
}


@dataclass(frozen=True)
class Preconditions:
    generation_match: int | None = None
    generation_not_match: int | None = None
    metageneration_match: int | None = None
    metageneration_not_match: int | None = None

    @classmethod
    def from_query(cls, query: Mapping[str, str]) -> "Preconditions":
        return cls(**_numbers(query, _QUERY_NAMES))

    @classmethod
    def from_headers(cls, headers: Mapping[str, str]) -> "Preconditions":
        return cls(**_numbers(headers, _HEADER_NAMES))

    def as_dict(self) -> dict[str, int | None]:
        return asdict(self)

    def check_write(self, generation: int, metageneration: int) -> None:
        """Generation 0 stands for an object that does not exist."""
        if self._unmatched(generation, metageneration) or self._excluded(generation, metageneration):
            raise precondition_failed()

    def check_read(self, generation: int, metageneration: int) -> None:
        if self._unmatched(generation, metageneration):
            raise precondition_failed()
        if self._excluded(generation, metageneration):
            raise NotModified

    def _unmatched(self, generation: int, metageneration: int) -> bool:
        return self.generation_match not in (None, generation) or self.metageneration_match not in (
            None,
            metageneration,
        )

    def _excluded(self, generation: int, metageneration: int) -> bool:
        return generation == self.generation_not_match or metageneration == self.metageneration_not_match


def _numbers(source: Mapping[str, str], names: Mapping[str, str]) -> dict[str, int]:
    found = {}
    for field, name in names.items():
        if name in source:
            try:
                found[field] = int(source[name])
            except ValueError:
                raise invalid(f"Invalid value for {name}: {source[name]}") from None
    return found
