"""The certificate, its code and its words, without anything around them."""

from datetime import timedelta

import pytest

from services.certification.domain.certificate import Certificate, CertificateIssued, Completion, State
from services.certification.domain.code import ALPHABET, new_code, read_code
from services.certification.domain.document import Document, file_name
from services.certification.domain.text import NAMELESS, printable
from services.certification.wire import content_disposition, day
from services.kernel.ids import new_id
from tests.certification.conftest import DONE, START, certificate


def test_issuing_says_so_once() -> None:
    completion = Completion(DONE, new_id(), 2, 10_000, 0)
    made = Certificate.issue("id", "code", ("user", "Ada"), ("course", "Engines"), completion, START)
    assert (made.state, made.holder_name, made.course_title) == (State.ISSUED, "Ada", "Engines")
    assert (made.completed_at, made.issued_at, made.course_version) == (DONE, START, 2)
    assert made.take_events() == [
        CertificateIssued(
            certificate_id="id",
            user_id="user",
            course_id="course",
            course_version=2,
            enrollment_id=completion.enrollment_id,
            code="code",
            issued_at=START,
        )
    ]


def test_revoking_is_for_good_and_may_be_repeated() -> None:
    made = certificate()
    made.revoke()
    made.revoke()
    assert made.state is State.REVOKED


def test_a_code_has_128_bits_of_chance_at_least_and_fits_its_field() -> None:
    codes = {new_code() for _ in range(1000)}
    assert len(codes) == 1000
    for code in codes:
        signs = code.replace("-", "")
        assert len(ALPHABET) ** len(signs) >= 2**128
        assert len(code) <= 50
        assert set(signs) <= set(ALPHABET)
        assert all(len(group) == 4 for group in code.split("-"))
    seen = {sign for code in codes for sign in code}
    assert seen == {*ALPHABET, "-"}, "every sign turns up"


@pytest.mark.parametrize(
    "change",
    [str.lower, lambda c: c.replace("-", ""), lambda c: c.replace("-", " "), lambda c: f" {c} "],
)
def test_a_code_is_read_however_it_is_typed(change: object) -> None:
    assert callable(change)
    code = new_code()
    assert read_code(change(code)) == code


def test_look_alikes_are_read_as_what_they_look_like() -> None:
    assert read_code("oil0-1111-0000-1111-0000-1111-0000") == "0110-1111-0000-1111-0000-1111-0000"


@pytest.mark.parametrize("typed", ["", "-", "7K3M", "U" * 28, "0" * 27, "0" * 29, "é" * 28, "0" * 27 + "\u0660"])
def test_what_can_be_no_code_is_none(typed: str) -> None:
    assert read_code(typed) == ""


@pytest.mark.parametrize(
    ("text", "stands"),
    [
        ("Zoe\u0308", "Zo\u00eb"),
        ("  Ada \t\n Lovelace ", "Ada Lovelace"),
        ("A\u202eda\u202c", "Ada"),
        ("A\x00\x07da\u200b\ufeff", "Ada"),
        ("\u0645\u06cc\u200c\u062e", "\u0645\u06cc\u200c\u062e"),
        ("\u2066\u202e", NAMELESS),
    ],
)
def test_words_stand_composed_and_without_what_is_invisible(text: str, stands: str) -> None:
    assert printable(text) == stands == printable(stands)


def test_a_document_knows_its_bytes() -> None:
    made = Document("id", "name", "2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881")
    assert made.holds(b"x")
    assert not made.holds(b"y")


@pytest.mark.parametrize(
    ("title", "plain"),
    [
        ("Engines", "Certificate - Engines.pdf"),
        ('a"; filename="evil.exe', "Certificate - a filename= evil.exe.pdf"),
        ("..\\..\\../etc/passwd\r\nX-Evil: 1", "Certificate - .. .. .. etc passwd X-Evil 1.pdf"),
        ("漢字", "Certificate.pdf"),
        ("Größe", "Certificate - Groe.pdf"),
        ("x" * 500, f"Certificate - {'x' * 106}.pdf"),
    ],
)
def test_a_file_is_saved_under_a_harmless_name(title: str, plain: str) -> None:
    header = content_disposition(file_name(title))
    assert header.startswith(f"attachment; filename=\"{plain}\"; filename*=UTF-8''Certificate")
    assert header.isascii()
    assert header.isprintable()
    assert header.count('"') == 2
    assert len(header) < 1500


def test_days_read_the_same_wherever_the_process_runs() -> None:
    assert day(START) == "1 March 2026"
    assert day(START + timedelta(days=300)) == "26 December 2026"
