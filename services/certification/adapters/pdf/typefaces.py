"""The typefaces of certificates, each for its scripts; found in their packages, opened when first needed."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files

import uharfbuzz as hb


@dataclass(frozen=True)
class Style:
    """A file of a package of fonts, and where on its axes of variation."""

    package: str
    file: str
    axes: tuple[tuple[str, float], ...] = ()


class Typeface:
    """One style, ready to be shaped with. Never changed once it is made, so threads may share it."""

    def __init__(self, style: Style) -> None:
        self.style = style
        path = files(style.package).joinpath("fonts", "ofl", *style.file.split("/"))
        self.face = hb.Face(hb.Blob.from_file_path(str(path)))
        self.font = hb.Font(self.face)
        self.font.set_variations(dict(style.axes))
        self.upem: int = self.face.upem
        self.blank = self.font.get_nominal_glyph(ord(" "))

    def covers(self, char: str) -> bool:
        return self.font.get_nominal_glyph(ord(char)) is not None

    def width(self, glyph: int) -> float:
        """In thousandths of the size."""
        return self.metric(self.font.get_glyph_h_advance(glyph))

    def metric(self, units: float) -> float:
        return units * 1000 / self.upem


# Weight and, where there is one, the optical size.
def _serif(weight: int, optical: int) -> Style:
    axes = (("wght", weight), ("opsz", optical))
    return Style("justmytype_western_core", "sourceserif4/SourceSerif4[opsz,wght].ttf", axes)


DISPLAY = _serif(400, 60)
TEXT = _serif(400, 14)
ITALIC = Style(
    "justmytype_western_core", "sourceserif4/SourceSerif4-Italic[opsz,wght].ttf", (("wght", 400), ("opsz", 20))
)
LABEL = Style("justmytype_western_core", "inter/Inter[opsz,wght].ttf", (("wght", 500), ("opsz", 14)))
MONO = Style("justmytype_western_core", "jetbrainsmono/JetBrainsMono[wght].ttf", (("wght", 400),))

_CJK = {name: f"notosans{name.lower()}/NotoSans{name}[wght].ttf" for name in ("JP", "KR", "SC", "TC")}
_OTHERS = (
    ("justmytype_western_core", "notoserif/NotoSerif[wdth,wght].ttf"),
    ("justmytype_western_core", "notosans/NotoSans[wdth,wght].ttf"),
    ("justmytype_intl_rtl", "notosansarabic/NotoSansArabic[wdth,wght].ttf"),
    ("justmytype_intl_rtl", "notosanshebrew/NotoSansHebrew[wdth,wght].ttf"),
    ("justmytype_intl_south_asia", "notosansdevanagari/NotoSansDevanagari[wdth,wght].ttf"),
    ("justmytype_intl_south_asia", "notosansbengali/NotoSansBengali[wdth,wght].ttf"),
    ("justmytype_intl_south_asia", "notosanstamil/NotoSansTamil[wdth,wght].ttf"),
    ("justmytype_intl_south_asia", "notosanstelugu/NotoSansTelugu[wdth,wght].ttf"),
    ("justmytype_intl_sea", "notosansthai/NotoSansThai[wdth,wght].ttf"),
    ("justmytype_intl_sea", "notosanslao/NotoSansLao[wdth,wght].ttf"),
    ("justmytype_intl_sea", "notosanskhmer/NotoSansKhmer[wdth,wght].ttf"),
    ("justmytype_intl_sea", "notosansmyanmar/NotoSansMyanmar[wdth,wght].ttf"),
    ("justmytype_intl_africa", "notosansethiopic/NotoSansEthiopic[wdth,wght].ttf"),
)
_SYMBOLS = (
    Style("justmytype_western_core", "notosanssymbols2/NotoSansSymbols2-Regular.ttf"),
    Style("justmytype_western_core", "stixtwomath/STIXTwoMath-Regular.ttf"),
)


@lru_cache(maxsize=64)
def typeface(style: Style) -> Typeface:
    return Typeface(style)


def fallbacks(text: str) -> Iterator[Style]:
    """Where to look for what the chosen style lacks. Han characters look as the language of the text writes
    them, as far as its other characters tell which one that is."""
    for package, file in _OTHERS:
        yield Style(package, file, (("wght", 360),))
    order = ["SC", "TC", "JP", "KR"]
    if any("\u3040" <= char <= "\u30ff" for char in text):
        order.sort(key=lambda name: name != "JP")
    elif any("\uac00" <= char <= "\ud7a3" or "\u1100" <= char <= "\u11ff" for char in text):
        order.sort(key=lambda name: name != "KR")
    for name in order:
        yield Style("justmytype_intl_cjk", _CJK[name], (("wght", 360),))
    yield from _SYMBOLS
