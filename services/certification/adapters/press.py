"""The design of a certificate, drawn as a PDF page."""

from io import BytesIO

from reportlab.lib.pagesizes import A4, landscape
from reportlab.pdfgen.canvas import Canvas

from services.certification.adapters.pdf.embedding import Typesetter
from services.certification.adapters.pdf.ornament import Color, frame, qr_code, rule, seal
from services.certification.adapters.pdf.shaping import Line, graphemes, shape
from services.certification.adapters.pdf.typefaces import DISPLAY, ITALIC, LABEL, MONO, TEXT, Style
from services.certification.domain.certificate import Certificate
from services.certification.wire import day, verification_url
from services.chassis.bulkhead import Bulkhead

WIDTH, HEIGHT = landscape(A4)
INK: Color = (0.078, 0.122, 0.231)
GOLD: Color = (0.663, 0.518, 0.286)
GREY: Color = (0.357, 0.388, 0.447)
PAPER: Color = (0.996, 0.992, 0.980)
# Beyond this nothing could be read anyway, and shaping takes time.
LONGEST = 400


class PdfPress:
    """Prints certificates, two at once at most: it is the one thing here that takes a processor's time."""

    def __init__(self, public_url: str) -> None:
        self._public_url = public_url
        self._bulkhead = Bulkhead(at_once=2, waiting=32)

    def printed(self, certificate: Certificate) -> bytes:
        with self._bulkhead.entered():
            return _Page(certificate, verification_url(self._public_url, certificate.code)).pdf()


class _Page:
    """Nothing on it depends on anything but the certificate, so that it always prints to the same bytes."""

    def __init__(self, certificate: Certificate, url: str) -> None:
        self._certificate, self._url = certificate, url
        self._buffer = BytesIO()
        self._canvas = Canvas(self._buffer, pagesize=(WIDTH, HEIGHT), invariant=1, pageCompression=1, pdfVersion=(1, 7))
        self._type = Typesetter(self._canvas)

    def pdf(self) -> bytes:
        self._describe()
        self._draw()
        self._head()
        self._body()
        self._foot()
        self._type.finish()
        self._canvas.showPage()
        self._canvas.save()
        return self._buffer.getvalue()

    def _describe(self) -> None:
        """What the PDF says about itself."""
        certificate, canvas = self._certificate, self._canvas
        canvas.setTitle(f"Certificate of Completion: {certificate.course_title}")
        canvas.setAuthor("Campus")
        canvas.setCreator("Campus")
        canvas.setSubject(f"{certificate.holder_name} completed {certificate.course_title}")
        canvas.setKeywords(certificate.code)
        canvas.setDateFormatter(lambda *_: f"D:{certificate.issued_at:%Y%m%d%H%M%S}Z")

    def _draw(self) -> None:
        canvas = self._canvas
        canvas.setFillColorRGB(*PAPER)
        canvas.rect(0, 0, WIDTH, HEIGHT, stroke=0, fill=1)
        frame(canvas, WIDTH, HEIGHT, INK, GOLD)
        rule(canvas, WIDTH / 2, 294, 190, GOLD)
        seal(canvas, WIDTH / 2, 108, 46, GOLD, INK)
        qr_code(canvas, self._url, WIDTH - 168, 66, 100, INK)

    def _head(self) -> None:
        self._centred(shape("CAMPUS", LABEL, tracking=420), 505, 12, GOLD)
        self._centred(shape("Certificate of Completion", DISPLAY), 448, 43, INK)
        self._centred(shape("This certifies that", ITALIC), 392, 15, GREY)

    def _body(self) -> None:
        certificate = self._certificate
        name, size = fitted(certificate.holder_name, DISPLAY, WIDTH - 190, 46, 15)
        self._centred(name, 322 + (46 - size) * 0.3, size, INK)
        self._centred(shape("has completed the course", ITALIC), 262, 15, GREY)
        lines, size = wrapped(certificate.course_title, TEXT, WIDTH - 220, 25, 13)
        for number, line in enumerate(lines):
            self._centred(line, 222 - number * size * 1.3, size, INK)

    def _foot(self) -> None:
        certificate = self._certificate
        self._fact("COMPLETED ON", day(certificate.completed_at), 142)
        self._fact("ISSUED ON", day(certificate.issued_at), 98)
        right = WIDTH - 178
        host = self._url.partition("://")[2].rpartition("/")[0]
        code = certificate.code
        middle = len(code) // 2
        while code[middle] != "-":
            middle += 1
        for text, style, y, size, color in (
            ("VERIFY THIS CERTIFICATE", LABEL, 142, 7.0, GREY),
            (host, TEXT, 126, 11.0, INK),
            (code[: middle + 1], MONO, 102, 9.5, INK),
            (code[middle + 1 :], MONO, 89, 9.5, INK),
        ):
            line = shape(text, style, tracking=90 if style is LABEL else 0)
            fit = min(size, 150_000 / line.width)
            self._type.set(line, right - line.width * fit / 1000, y, fit, color)

    def _fact(self, label: str, fact: str, y: float) -> None:
        self._type.set(shape(label, LABEL, tracking=90), 72, y, 7, GREY)
        self._type.set(shape(fact, TEXT), 72, y - 17, 13, INK)

    def _centred(self, line: Line, y: float, size: float, color: Color) -> None:
        self._type.set(line, WIDTH / 2 - line.width * size / 2000, y, size, color)


def fitted(text: str, style: Style, width: float, largest: float, smallest: float) -> tuple[Line, float]:
    """The text in one line, as large as it can be; what can't be read at the smallest size is cut off."""
    parts = graphemes(text)
    line = shape("".join(parts[:LONGEST]) + ("…" if len(parts) > LONGEST else ""), style)
    size = min(largest, width * 1000 / max(line.width, 1))
    if size >= smallest:
        return line, size
    fewest, most = 1, min(len(parts), LONGEST)
    while fewest < most:
        middle = (fewest + most + 1) // 2
        if shape("".join(parts[:middle]) + "…", style).width * smallest <= width * 1000:
            fewest = middle
        else:
            most = middle - 1
    line = shape("".join(parts[:fewest]) + "…", style)
    return line, min(smallest, width * 1000 / max(line.width, 1))


def wrapped(text: str, style: Style, width: float, largest: float, smallest: float) -> tuple[list[Line], float]:
    """The text in one line or two."""
    line, size = fitted(text, style, width, largest, smallest * 1.4)
    if line.text == text:
        return [line], size
    middle = len(text) // 2
    spaces = [at for at, char in enumerate(text) if char == " "]
    cut = min(spaces, key=lambda at: abs(at - middle), default=-1)
    halves = (text[:cut], text[cut + 1 :]) if cut > 0 else ("", text)
    shaped = [fitted(half, style, width, largest * 0.8, smallest) for half in halves if half]
    return [line for line, _ in shaped], min(size for _, size in shaped)
