"""From a text in any script to glyphs in their places: directions, typefaces that have the characters, shaping."""

import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass, replace

import uharfbuzz as hb

from services.certification.adapters.pdf.directions import seen_from_left, stretches
from services.certification.adapters.pdf.typefaces import Style, Typeface, fallbacks, typeface

# How large a character's description stands, compared to the character that no typeface has.
SMALLER = 0.5


@dataclass(frozen=True)
class Glyph:
    """Measures in thousandths of the size. `text` is what a reader of the PDF gets for it."""

    id: int
    text: str
    advance: float
    x: float = 0
    y: float = 0


@dataclass(frozen=True)
class Run:
    """Glyphs of one typeface from left to right; `scale` is its size in that of the line."""

    typeface: Typeface
    glyphs: tuple[Glyph, ...]
    level: int
    scale: float = 1

    @property
    def width(self) -> float:
        return sum(glyph.advance for glyph in self.glyphs) * self.scale


@dataclass(frozen=True)
class Line:
    """Runs in the order in which they are read, and how far from the left each begins."""

    text: str
    runs: tuple[Run, ...]
    starts: tuple[float, ...]
    width: float


def shape(text: str, style: Style, tracking: float = 0) -> Line:
    """A line of text. `tracking` is added after each glyph."""
    candidates = [typeface(style)]
    rest = fallbacks(text)
    runs: list[Run] = []
    for stretch in stretches(text):
        part = text[stretch.start : stretch.end]
        for chosen, chars in _by_typeface(part, candidates, rest):
            runs.append(
                _shaped(chosen, chars, stretch.level) if chosen else _described(chars, stretch.level, candidates[0])
            )
    if tracking:
        runs = [_tracked(run, tracking) for run in runs]
    starts, at = [0.0] * len(runs), 0.0
    for index in seen_from_left([run.level for run in runs]):
        starts[index] = at
        at += runs[index].width
    return Line(text, tuple(runs), tuple(starts), at)


def graphemes(text: str) -> list[str]:
    """The text in parts that are one character to its reader, near enough: marks and joiners stay with their base."""
    found: list[str] = []
    for char in text:
        joined = found and (found[-1][-1] == "\u200d" or unicodedata.category(char) in ("Mn", "Me", "Mc", "Cf"))
        if joined or (found and "\U0001f3fb" <= char <= "\U0001f3ff"):
            found[-1] += char
        else:
            found.append(char)
    return found


def _by_typeface(text: str, candidates: list[Typeface], rest: Iterator[Style]) -> Iterator[tuple[Typeface | None, str]]:
    """Parts with the typeface that has their characters; None for a character that no typeface has."""
    current: Typeface | None = None
    part = ""
    for grapheme in graphemes(text):
        chosen = _chosen(grapheme, current, candidates, rest)
        if part and (chosen is not current or chosen is None):
            yield current, part
            part = ""
        current = chosen
        part += grapheme
    if part:
        yield current, part


def _chosen(
    grapheme: str, current: Typeface | None, candidates: list[Typeface], rest: Iterator[Style]
) -> Typeface | None:
    """Spaces and the like stay with what precedes them; a base with marks that nobody has is shown without them."""
    needed = [char for char in grapheme if unicodedata.category(char) != "Cf" and not _is_selector(char)]
    if current is not None and not grapheme.isalpha() and all(map(current.covers, needed)) and len(grapheme) == 1:
        return current
    best = None
    for candidate in _growing(candidates, rest):
        if all(map(candidate.covers, needed)):
            return candidate
        if best is None and needed and candidate.covers(needed[0]):
            best = candidate
    return best


def _growing(candidates: list[Typeface], rest: Iterator[Style]) -> Iterator[Typeface]:
    """Those opened already, and then further ones as long as they are asked for."""
    yield from list(candidates)
    for style in rest:
        candidates.append(typeface(style))
        yield candidates[-1]


def _is_selector(char: str) -> bool:
    return "\ufe00" <= char <= "\ufe0f" or "\U000e0100" <= char <= "\U000e01ef"


def _shaped(chosen: Typeface, text: str, level: int) -> Run:
    buffer = hb.Buffer()
    buffer.add_str("".join(char if _drawable(chosen, char) else "\u200c" for char in text))
    buffer.guess_segment_properties()
    buffer.direction = "rtl" if level % 2 else "ltr"
    buffer.cluster_level = hb.BufferClusterLevel.MONOTONE_GRAPHEMES
    hb.shape(chosen.font, buffer)
    clusters: list[tuple[int, list[Glyph]]] = []
    for info, place in zip(buffer.glyph_infos, buffer.glyph_positions, strict=True):
        measures = [chosen.metric(value) for value in (place.x_advance, place.x_offset, place.y_offset)]
        glyph = Glyph(info.codepoint, "", *measures)
        if clusters and clusters[-1][0] == info.cluster:
            clusters[-1][1].append(glyph)
        else:
            clusters.append((info.cluster, [glyph]))
    ends = dict(zip(sorted(c for c, _ in clusters), [*sorted(c for c, _ in clusters)[1:], len(text)], strict=True))
    glyphs: list[Glyph] = []
    for start, members in clusters:
        glyphs += _with_text(members, text[start : ends[start]], chosen, backwards=level % 2 == 1)
    return Run(chosen, tuple(glyphs), level)


def _drawable(chosen: Typeface, char: str) -> bool:
    """Marks that the typeface lacks leave no trace but in the text."""
    return unicodedata.category(char) == "Cf" or chosen.covers(char)


def _with_text(members: list[Glyph], text: str, chosen: Typeface, *, backwards: bool) -> list[Glyph]:
    """Spreads the characters of a cluster over its glyphs, one each, for readers of PDFs take these one by one; blank
    glyphs without width stand for the characters that have none of their own."""
    blank = chosen.blank or 0
    ordered = members[::-1] if backwards else members
    extended = ordered + [Glyph(blank, "", 0)] * (len(text) - len(ordered))
    chars = [*text, *[""] * (len(extended) - len(text))]
    found = [replace(glyph, text=char) for glyph, char in zip(extended, chars, strict=True)]
    return found[::-1] if backwards else found


def _described(char: str, level: int, chosen: Typeface) -> Run:
    """A character that no typeface has, in words; who reads the PDF's text gets the character itself."""
    run = _shaped(chosen, description(char), 0)
    wordless = [replace(glyph, text="") for glyph in run.glyphs]
    blanks = [Glyph(chosen.blank or 0, each, 0) for each in char]
    ordered = blanks[::-1] if level % 2 else blanks
    return Run(chosen, (*ordered, *wordless), level, SMALLER)


def description(grapheme: str) -> str:
    """Letters by what they are called within their script, anything else by its Unicode name, or by its number."""
    name = unicodedata.name(grapheme[0], "")
    if not name.isascii() or not name:
        return f"[U+{ord(grapheme[0]):04X}]"
    for word in (" LETTER ", " SYLLABLE ", " SIGN "):
        if word in name and unicodedata.category(grapheme[0]).startswith(("L", "M")):
            return name.split(word)[-1].lower()
    return f"[{name.lower()}]"


def _tracked(run: Run, tracking: float) -> Run:
    return replace(run, glyphs=tuple(replace(glyph, advance=glyph.advance + tracking) for glyph in run.glyphs))
