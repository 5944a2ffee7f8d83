"""Lines of glyphs in a PDF: which codes stand for them, and the parts of the fonts that have to come along."""

from collections.abc import Iterable
from hashlib import sha256
from math import ceil
from typing import Any

import uharfbuzz as hb
from reportlab.pdfbase import pdfdoc
from reportlab.pdfgen.canvas import Canvas

from services.certification.adapters.pdf.shaping import Glyph, Line, Run
from services.certification.adapters.pdf.typefaces import Style, Typeface

# Tables that shaping and systems need, and drawing known glyphs doesn't.
_NOT_DRAWN = (
    "GSUB",
    "GPOS",
    "GDEF",
    "BASE",
    "STAT",
    "name",
    "OS/2",
    "post",
    "cmap",
    "DSIG",
    "meta",
    "vhea",
    "vmtx",
    "VORG",
)
_TO_UNICODE = """/CIDInit /ProcSet findresource begin
12 dict begin
begincmap
/CIDSystemInfo << /Registry (Adobe) /Ordering (UCS) /Supplement 0 >> def
/CMapName /Adobe-Identity-UCS def
/CMapType 2 def
1 begincodespacerange
<0000> <FFFF>
endcodespacerange
{ranges}
endcmap
CMapName currentdict /CMap defineresource pop
end
end
"""


class EmbeddedFont:
    """The glyphs used of a typeface. A code stands for a glyph, what it says and how wide it is."""

    def __init__(self, typeface: Typeface, name: str) -> None:
        self.typeface, self.name = typeface, name
        self._codes: dict[tuple[int, str, int], int] = {}

    def code(self, glyph: int, text: str, width: float) -> int:
        return self._codes.setdefault((glyph, text, round(width)), len(self._codes) + 1)

    def add_to(self, document: Any) -> None:
        mapping, data = self._subset()
        glyphs = {code: mapping[glyph] for (glyph, _, _), code in self._codes.items()}
        widths = {code: width for (_, _, width), code in self._codes.items()}
        base = pdfdoc.PDFName(f"{_tag(data)}+Campus{self.name}")
        file = self._stream(document, f"file{self.name}", data, Length1=len(data))
        to_glyphs = bytearray(2 * (len(glyphs) + 1))
        for code, glyph in glyphs.items():
            to_glyphs[2 * code : 2 * code + 2] = glyph.to_bytes(2, "big")
        descendant = pdfdoc.PDFDictionary(
            {
                "Type": "/Font",
                "Subtype": "/CIDFontType2",
                "BaseFont": base,
                "CIDSystemInfo": pdfdoc.PDFDictionary(
                    {"Registry": pdfdoc.PDFString("Adobe"), "Ordering": pdfdoc.PDFString("Identity"), "Supplement": 0}
                ),
                "FontDescriptor": document.Reference(self._descriptor(base, file), f"descriptor{self.name}"),
                "CIDToGIDMap": self._stream(document, f"glyphs{self.name}", bytes(to_glyphs)),
                "DW": 0,
                "W": pdfdoc.PDFArray([1, pdfdoc.PDFArray([widths[code] for code in sorted(widths)])]),
            }
        )
        texts = {code: text for (_, text, _), code in self._codes.items()}
        font = pdfdoc.PDFDictionary(
            {
                "Type": "/Font",
                "Subtype": "/Type0",
                "BaseFont": base,
                "Encoding": "/Identity-H",
                "DescendantFonts": pdfdoc.PDFArray([document.Reference(descendant, f"descendant{self.name}")]),
                "ToUnicode": self._stream(document, f"unicode{self.name}", _to_unicode(texts)),
            }
        )
        document.idToObject[pdfdoc.BasicFonts].dict[self.name] = document.Reference(font, f"font{self.name}")

    def _subset(self) -> tuple[dict[int, int], bytes]:
        wanted = hb.SubsetInput()
        wanted.glyph_set.update({glyph for glyph, _, _ in self._codes})
        wanted.drop_table_tag_set.update(int.from_bytes(tag.encode(), "big") for tag in _NOT_DRAWN)
        wanted.flags = hb.SubsetFlags.NO_HINTING | hb.SubsetFlags.NO_LAYOUT_CLOSURE
        wanted.pin_all_axes_to_default(self.typeface.face)
        for axis, value in self.typeface.style.axes:
            wanted.pin_axis_location(self.typeface.face, axis, value)
        plan = hb.SubsetPlan(self.typeface.face, wanted)
        return dict(plan.old_to_new_glyph_mapping), bytes(plan.execute().blob.data)

    def _descriptor(self, base: Any, file: Any) -> pdfdoc.PDFDictionary:
        extents = self.typeface.font.get_font_extents("ltr")
        ascent, descent = (round(self.typeface.metric(value)) for value in (extents.ascender, extents.descender))
        return pdfdoc.PDFDictionary(
            {
                "Type": "/FontDescriptor",
                "FontName": base,
                "Flags": 4,
                "FontBBox": pdfdoc.PDFArray([-500, descent, 1500, ascent]),
                "ItalicAngle": 0,
                "Ascent": ascent,
                "Descent": descent,
                "CapHeight": ascent,
                "StemV": 80,
                "FontFile2": file,
            }
        )

    def _stream(self, document: Any, name: str, content: bytes, **entries: int) -> Any:
        stream = pdfdoc.PDFStream(pdfdoc.PDFDictionary(dict(entries)), content, [pdfdoc.PDFZCompress])
        return document.Reference(stream, name)


class Typesetter:
    """Sets lines on a canvas. Nothing is drawn before `finish`, which knows all the glyphs that are used."""

    def __init__(self, canvas: Canvas) -> None:
        self._canvas = canvas
        self._fonts: dict[Style, EmbeddedFont] = {}
        self._accents: list[str] = []
        self._lines: list[str] = []

    def set(self, line: Line, x: float, y: float, size: float, color: tuple[float, float, float]) -> None:
        for run, start in zip(line.runs, line.starts, strict=True):
            font = self._fonts.setdefault(run.typeface.style, EmbeddedFont(run.typeface, f"C{len(self._fonts) + 1}"))
            self._set(font, run, (x + start * size / 1000, y), size * run.scale, color)

    def finish(self) -> None:
        # What has no text of its own comes first, where it can't come between the words of others.
        for operations in (self._accents, self._lines):
            for operation in operations:
                self._canvas.addLiteral(operation)
        for font in self._fonts.values():
            font.add_to(vars(self._canvas)["_doc"])

    def _set(
        self, font: EmbeddedFont, run: Run, at: tuple[float, float], size: float, color: tuple[float, float, float]
    ) -> None:
        parts: list[str] = []
        pen = 0.0
        for glyph in run.glyphs:
            if glyph.x or glyph.y:
                parts.append(f"<{font.code(run.typeface.blank or 0, glyph.text, glyph.advance):04X}>")
                place = (at[0] + (pen + glyph.x) * size / 1000, at[1] + glyph.y * size / 1000)
                shown = f"<{font.code(glyph.id, '', run.typeface.width(glyph.id)):04X}>"
                self._accents.append(_text(font.name, place, size, color, [shown]))
            else:
                parts += _part(font, glyph)
            pen += glyph.advance
        self._lines.append(_text(font.name, at, size, color, parts))


def _part(font: EmbeddedFont, glyph: Glyph) -> list[str]:
    """A glyph, and how far the pen goes back after it. It never goes forward: readers would take that for a space."""
    invisible = glyph.id == font.typeface.blank
    width = ceil(glyph.advance if invisible else max(glyph.advance, font.typeface.width(glyph.id)))
    shown, back = f"<{font.code(glyph.id, glyph.text, width):04X}>", width - glyph.advance
    return [shown, f"{back:.2f}"] if back > 0.005 else [shown]


def _text(
    name: str, at: tuple[float, float], size: float, color: tuple[float, float, float], parts: Iterable[str]
) -> str:
    shown = " ".join(parts).replace("> <", "")
    red, green, blue = color
    return f"BT {red:.3f} {green:.3f} {blue:.3f} rg /{name} {size:.3f} Tf {at[0]:.3f} {at[1]:.3f} Td [{shown}] TJ ET"


def _to_unicode(texts: dict[int, str]) -> bytes:
    entries = [f"<{code:04X}> <{text.encode('utf-16-be').hex().upper()}>" for code, text in sorted(texts.items())]
    blocks = [entries[at : at + 100] for at in range(0, len(entries), 100)]
    ranges = "\n".join(f"{len(block)} beginbfchar\n" + "\n".join(block) + "\nendbfchar" for block in blocks)
    return _TO_UNICODE.format(ranges=ranges).encode()


def _tag(data: bytes) -> str:
    """Six letters that belong to a subset, the same ones whenever it is made."""
    return "".join(chr(ord("A") + byte % 26) for byte in sha256(data).digest()[:6])
