"""The printed page: what it says, that it always prints to the same bytes, and that no name can break it."""

import io
import json
import subprocess
import sys
import time
import unicodedata
from collections.abc import Iterator
from datetime import timedelta
from hashlib import sha256
from typing import Any

import pypdf
import pypdfium2
import pytest
import zxingcpp

from services.certification.adapters.pdf.shaping import description, shape
from services.certification.adapters.pdf.typefaces import DISPLAY
from services.certification.adapters.press import PdfPress
from services.certification.domain.certificate import Certificate, State
from services.certification.domain.text import printable
from tests.certification.conftest import DONE, PUBLIC_URL, START
from tests.certification.hostile_names import NAMES

CODE = "7K3M-Q0ZT-AB12-CD34-EF56-GH78-JK9M"
PRESS = PdfPress(PUBLIC_URL)
# Every file that is opened is told about; hooks can't be removed, so there is one for all tests.
_opened: list[str] = []
_watching = False


def _told(event: str, arguments: tuple[Any, ...]) -> None:
    if _watching and event in ("open", "os.open", "socket.connect", "socket.getaddrinfo", "subprocess.Popen"):
        _opened.append(f"{event} {arguments[0]}")


sys.addaudithook(_told)


def certificate(name: str = "Ada Lovelace", title: str = "Distributed Systems") -> Certificate:
    return Certificate(
        id="0190a5b2-0000-7000-8000-000000000001",
        user_id="u",
        holder_name=printable(name),
        course_id="c",
        course_title=printable(title),
        course_version=1,
        enrollment_id="e",
        code=CODE,
        state=State.ISSUED,
        completed_at=DONE - timedelta(days=20),
        issued_at=START,
    )


def lines(pdf: bytes) -> list[str]:
    return pypdf.PdfReader(io.BytesIO(pdf)).pages[0].extract_text().splitlines()


@pytest.fixture
def opened() -> Iterator[list[str]]:
    """What is opened while a test runs, besides the code that the first printing of a process loads."""
    global _watching
    PRESS.printed(certificate())
    _opened.clear()
    _watching = True
    yield _opened
    _watching = False


def test_there_are_sixty_hostile_names() -> None:
    assert len(NAMES) == len(set(NAMES.values())) == 60


@pytest.mark.parametrize("name", NAMES.values(), ids=NAMES.keys())
def test_every_name_is_printed_and_read_back(name: str, opened: list[str]) -> None:
    made = certificate(name)
    began = time.process_time()
    pdf = PRESS.printed(made)
    assert time.process_time() - began < 0.3
    assert len(pdf) < 1_000_000
    assert [each for each in opened if "justmytype_" not in each] == [], "nothing is opened but fonts"
    found = lines(pdf)
    (at,) = [number for number, line in enumerate(found) if line == "This certifies that"]
    if len(made.holder_name) <= 400:
        assert found[at + 1] == made.holder_name
    else:
        assert found[at + 1].endswith("…")
        assert len(found[at + 1]) > 60
        assert made.holder_name.startswith(found[at + 1][:-1])
    if all(char.isprintable() for char in name) and "  " not in name:
        assert made.holder_name == unicodedata.normalize("NFC", name)
    assert PRESS.printed(made) == pdf


@pytest.mark.parametrize("name", NAMES.values(), ids=NAMES.keys())
def test_no_glyph_stands_for_a_missing_one(name: str) -> None:
    line = shape(printable(name)[:400], DISPLAY)
    assert [glyph for run in line.runs for glyph in run.glyphs if glyph.id == 0] == []
    assert line.width >= 0


@pytest.mark.parametrize("title", NAMES.values(), ids=NAMES.keys())
def test_every_title_is_printed(title: str) -> None:
    made = certificate(title=title)
    found = lines(PRESS.printed(made))
    start, end = found.index("has completed the course") + 1, found.index("COMPLETED ON")
    assert 1 <= end - start <= 2
    if len(title) < 60:
        assert found[start:end] == [made.course_title]


def test_the_page_says_what_is_certified() -> None:
    found = lines(PRESS.printed(certificate()))
    for line in ("Certificate of Completion", "Ada Lovelace", "Distributed Systems", "9 February 2026", "1 March 2026"):
        assert line in found
    assert CODE in "".join(found)


def test_a_long_title_takes_two_lines() -> None:
    title = "An Introduction to the Theory and the Practice of Distributed Systems, their Failures and Repair"
    found = lines(PRESS.printed(certificate(title=title)))
    start = found.index("has completed the course") + 1
    assert " ".join(found[start : start + 2]) == title


@pytest.mark.parametrize("scale", [1.5, 3])
def test_the_qr_code_leads_to_the_page_that_verifies(scale: float) -> None:
    document = pypdfium2.PdfDocument(PRESS.printed(certificate()))
    image = document[0].render(scale=scale).to_pil()
    document.close()
    (found,) = zxingcpp.read_barcodes(image)
    assert found.text == f"{PUBLIC_URL}/verify/{CODE}"
    assert found.format == zxingcpp.BarcodeFormat.QRCode


def test_another_process_prints_the_same_bytes() -> None:
    """Whoever prints again after a crash must not print something else."""
    made = [certificate(name) for name in ("Ada Lovelace", NAMES["arabic"], NAMES["japanese"], NAMES["emoji"])]
    program = (
        "import json, sys\n"
        "from hashlib import sha256\n"
        "from tests.certification.test_press import PRESS, certificate\n"
        "names = json.load(sys.stdin)\n"
        "print(json.dumps([sha256(PRESS.printed(certificate(name))).hexdigest() for name in names]))\n"
    )
    names = json.dumps([each.holder_name for each in made[::-1]])
    done = subprocess.run([sys.executable, "-c", program], input=names, capture_output=True, text=True, check=True)
    assert json.loads(done.stdout)[::-1] == [sha256(PRESS.printed(each)).hexdigest() for each in made]


def test_the_pdf_describes_itself_by_the_certificate_alone() -> None:
    about = pypdf.PdfReader(io.BytesIO(PRESS.printed(certificate()))).metadata
    assert about
    assert (about.title, about.author) == ("Certificate of Completion: Distributed Systems", "Campus")
    assert about.creation_date == START


def test_fonts_are_embedded_in_part() -> None:
    page = pypdf.PdfReader(io.BytesIO(PRESS.printed(certificate("王小明")))).pages[0]
    fonts: Any = page["/Resources"]["/Font"]  # type: ignore[index]
    descriptors = [
        font["/DescendantFonts"][0]["/FontDescriptor"]
        for font in (each.get_object() for each in fonts.values())
        if font["/Subtype"] == "/Type0"
    ]
    assert len(descriptors) >= 5
    for descriptor in descriptors:
        assert descriptor["/FontName"][7] == "+"
        assert len(descriptor["/FontFile2"].get_data()) < 60_000


@pytest.mark.parametrize(
    ("char", "words"),
    [("😀", "[grinning face]"), ("გ", "gan"), ("\ue000", "[U+E000]"), ("\u0378", "[U+0378]")],
)
def test_what_no_typeface_has_is_described(char: str, words: str) -> None:
    assert description(char) == words
