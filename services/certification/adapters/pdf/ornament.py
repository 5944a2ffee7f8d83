"""What is drawn on a certificate besides its words: frame, seal and the squares of a QR code."""

from collections.abc import Callable
from math import cos, pi, sin

import segno
from reportlab.pdfgen.canvas import Canvas
from reportlab.pdfgen.pathobject import PDFPathObject

Color = tuple[float, float, float]

_QUARTER = 0.5523  # how far the handles of a curve reach that looks like a quarter of a circle
QUIET = 4  # bright modules that a reader needs around the code


def frame(canvas: Canvas, width: float, height: float, outer: Color, inner: Color) -> None:
    """A strong line and a fine one, with the corners of the fine one turned in."""
    canvas.setStrokeColorRGB(*outer)
    canvas.setLineWidth(1.6)
    canvas.rect(26, 26, width - 52, height - 52)
    canvas.setStrokeColorRGB(*inner)
    canvas.setLineWidth(0.7)
    left, right, low, high, corner = 34.0, width - 34, 34.0, height - 34, 20.0
    path = canvas.beginPath()
    path.moveTo(left + corner, low)
    path.lineTo(right - corner, low)
    _turned_in(path, (right - corner, low), (right, low), (right, low + corner))
    path.lineTo(right, high - corner)
    _turned_in(path, (right, high - corner), (right, high), (right - corner, high))
    path.lineTo(left + corner, high)
    _turned_in(path, (left + corner, high), (left, high), (left, high - corner))
    path.lineTo(left, low + corner)
    _turned_in(path, (left, low + corner), (left, low), (left + corner, low))
    path.close()
    canvas.drawPath(path)
    for x, y in ((left, low), (right, low), (left, high), (right, high)):
        inward = (8 if x == left else -8, 8 if y == low else -8)
        _diamond(canvas, x + inward[0], y + inward[1], 3.2, inner)


def _turned_in(
    path: PDFPathObject, start: tuple[float, float], corner: tuple[float, float], end: tuple[float, float]
) -> None:
    """A quarter of a circle around the corner, so that the frame bends inwards there."""
    inner = (start[0] + end[0] - corner[0], start[1] + end[1] - corner[1])
    first = [a + (b - a) * _QUARTER for a, b in zip(start, inner, strict=True)]
    second = [a + (b - a) * _QUARTER for a, b in zip(end, inner, strict=True)]
    path.curveTo(first[0], first[1], second[0], second[1], end[0], end[1])


def _diamond(canvas: Canvas, x: float, y: float, radius: float, color: Color) -> None:
    canvas.setFillColorRGB(*color)
    path = canvas.beginPath()
    path.moveTo(x - radius, y)
    path.lineTo(x, y + radius)
    path.lineTo(x + radius, y)
    path.lineTo(x, y - radius)
    path.close()
    canvas.drawPath(path, stroke=0, fill=1)


def rule(canvas: Canvas, x: float, y: float, half: float, color: Color) -> None:
    """A fine line with a diamond in its middle."""
    canvas.setStrokeColorRGB(*color)
    canvas.setLineWidth(0.7)
    canvas.line(x - half, y, x - 9, y)
    canvas.line(x + 9, y, x + half, y)
    _diamond(canvas, x, y, 3, color)


def seal(canvas: Canvas, x: float, y: float, radius: float, line: Color, core: Color) -> None:
    """A rosette of woven lines around a disc, as on banknotes."""
    canvas.setStrokeColorRGB(*line)
    canvas.setLineWidth(0.35)
    for turn in range(6):
        _closed(canvas, lambda a, turn=turn: radius * (0.86 + 0.14 * cos(12 * a + turn * pi / 3)), x, y)  # type: ignore[misc]
    for turn in range(4):
        _closed(canvas, lambda a, turn=turn: radius * (0.66 + 0.08 * cos(18 * a + turn * pi / 2)), x, y)  # type: ignore[misc]
    canvas.setFillColorRGB(*core)
    canvas.circle(x, y, radius * 0.55, stroke=0, fill=1)
    canvas.setLineWidth(0.8)
    canvas.circle(x, y, radius * 0.50, stroke=1, fill=0)
    # A tick.
    canvas.setStrokeColorRGB(1, 1, 1)
    canvas.setLineWidth(radius * 0.075)
    canvas.setLineCap(1)
    canvas.setLineJoin(1)
    path = canvas.beginPath()
    path.moveTo(x - radius * 0.22, y + radius * 0.00)
    path.lineTo(x - radius * 0.06, y - radius * 0.17)
    path.lineTo(x + radius * 0.24, y + radius * 0.18)
    canvas.drawPath(path)


def _closed(canvas: Canvas, reach: Callable[[float], float], x: float, y: float, steps: int = 240) -> None:
    path = canvas.beginPath()
    for step in range(steps):
        angle = 2 * pi * step / steps
        point = (x + reach(angle) * cos(angle), y + reach(angle) * sin(angle))
        path.lineTo(*point) if step else path.moveTo(*point)
    path.close()
    canvas.drawPath(path)


def qr_code(canvas: Canvas, content: str, x: float, y: float, side: float, color: Color) -> None:
    """From its lower left corner, with the quiet zone that readers need; the paper has to be bright."""
    rows = [list(row) for row in segno.make(content, error="m", micro=False, boost_error=False).matrix]
    module = side / (len(rows) + 2 * QUIET)
    canvas.setFillColorRGB(*color)
    path = canvas.beginPath()
    for place, row in enumerate(rows):
        bottom = y + side - (place + 1 + QUIET) * module
        at = 0
        while at < len(row):
            end = at
            while end < len(row) and row[end]:
                end += 1
            if end > at:
                path.rect(x + (at + QUIET) * module, bottom, (end - at) * module, module)
            at = end + 1
    canvas.drawPath(path, stroke=0, fill=1)
