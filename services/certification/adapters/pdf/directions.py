"""In which direction each part of a text is written, by the Unicode bidirectional algorithm."""

import unicodedata
from dataclasses import dataclass
from typing import Any

from bidi import algorithm


@dataclass(frozen=True)
class Stretch:
    """A part of a text that is written in one direction: odd levels from right to left."""

    start: int
    end: int
    level: int


def stretches(text: str) -> list[Stretch]:
    """In the order in which they are read. The text has no formatting characters but joiners."""
    levels = _levels(text)
    found: list[Stretch] = []
    for at, level in enumerate(levels):
        if found and found[-1].level == level:
            found[-1] = Stretch(found[-1].start, at + 1, level)
        else:
            found.append(Stretch(at, at + 1, level))
    return [part for each in found for part in _without_neutral_end(each, text)]


def seen_from_left(levels: list[int]) -> list[int]:
    """The places of parts with these levels as they stand from left to right (rule L2)."""
    order = list(range(len(levels)))
    for level in range(max(levels, default=0), 0, -1):
        at = 0
        while at < len(order):
            end = at
            while end < len(order) and levels[order[end]] >= level:
                end += 1
            order[at:end] = reversed(order[at:end])
            at = max(end, at + 1)
    return order


def _levels(text: str) -> list[int]:
    if text.isascii():
        return [0] * len(text)
    # Joiners take the level of what they join; what Unicode has not assigned is written like Latin.
    known = "".join("a" if unicodedata.category(char) in ("Cf", "Cn") else char for char in text)
    base: int = algorithm.get_base_level(known)
    storage: dict[str, Any] = algorithm.get_empty_storage()
    storage["base_level"], storage["base_dir"] = base, ("L", "R")[base]
    algorithm.get_embedding_levels(known, storage)
    algorithm.explicit_embed_and_overrides(storage)
    algorithm.resolve_weak_types(storage)
    algorithm.resolve_neutral_types(storage, False)
    algorithm.resolve_implicit_levels(storage, False)
    levels = [int(char["level"]) for char in storage["chars"]]
    for at, char in enumerate(text):
        if unicodedata.category(char) == "Cf" and at:
            levels[at] = levels[at - 1]
    return levels


def _without_neutral_end(stretch: Stretch, text: str) -> list[Stretch]:
    """Stretches from right to left end with a letter: readers of PDFs guess the direction by what stands leftmost."""
    end = stretch.end
    if stretch.level % 2:
        while end > stretch.start and unicodedata.bidirectional(text[end - 1]) not in ("R", "AL", "NSM", "BN"):
            end -= 1
    parts = [Stretch(stretch.start, end, stretch.level), Stretch(end, stretch.end, stretch.level)]
    return [part for part in parts if part.start < part.end]
