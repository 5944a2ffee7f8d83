"""Letters over real SMTP: what arrives, and what each answer of a server means."""

import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.handlers import Sink
from aiosmtpd.smtp import AuthResult, LoginPassword

from deploy.local import ports
from deploy.local.pki import Pki
from services.kernel.ids import new_id
from services.messaging.adapters.smtp import SmtpMailer
from services.messaging.domain.letter import Letter, Recipient, letter
from services.messaging.domain.notification import Text
from services.messaging.ports import Answer, Verdict
from tests.deploy.standins.mail.post_office import PostOffice
from tests.messaging.conftest import SITE, START, FakeClock

SENDER = "Campus <no-reply@campus.test>"
ACCEPTED = Answer(Verdict.ACCEPTED)


def someone(domain: str = "example.com") -> str:
    return f"u{new_id()}@{domain}"


def hello(to: str, name: str = "Ada", text: Text | None = None) -> Letter:
    return letter(new_id(), text or Text("Hello", "Good to see you."), Recipient(name, to), SITE)


def mailer(port: int, scheme: str = "smtp", user: str = "", **options: Any) -> SmtpMailer:
    return SmtpMailer(f"{scheme}://{user}localhost:{port}", SENDER, FakeClock(), **options)


@contextmanager
def smtp_server(**options: Any) -> Iterator[int]:
    """Another vendor's server, with whatever it shall demand."""
    controller = Controller(Sink(), hostname="127.0.0.1", port=ports.choose(), **options)
    controller.start()
    try:
        yield controller.port
    finally:
        controller.stop()


def test_a_letter_arrives_as_text_and_html_with_its_own_id(office: PostOffice) -> None:
    to = someone()
    sent = hello(to, "Zoë", Text("Grüße: 学", "One\n\n<Two>"))
    assert mailer(office.smtp_port).send(sent) == ACCEPTED
    (row,) = office.messages(to)
    found = office.message(row["id"])
    headers = {name.lower(): value for name, value in found["headers"]}
    assert (found["subject"], headers["to"]) == ("Grüße: 学", f"Zoë <{to}>")
    assert (headers["from"], found["recipients"]) == (SENDER, [to])
    assert headers["message-id"] == f"<{sent.id}@campus.test>"
    assert headers["date"] == START.strftime("%a, %d %b %Y %H:%M:%S +0000")
    assert headers["auto-submitted"] == "auto-generated"
    assert found["text"].replace("\r\n", "\n") == sent.text
    assert found["html"].replace("\r\n", "\n") == sent.html
    assert "&lt;Two&gt;" in found["html"]


def test_the_same_delivery_sent_twice_has_the_same_id(office: PostOffice) -> None:
    to = someone()
    sent = hello(to)
    for _ in range(2):
        assert mailer(office.smtp_port).send(sent) == ACCEPTED
    ids = [dict(office.message(row["id"])["headers"])["Message-ID"] for row in office.messages(to)]
    assert ids == [f"<{sent.id}@campus.test>"] * 2


def test_a_refusal_is_for_good_and_a_busy_server_is_not(office: PostOffice) -> None:
    assert mailer(office.smtp_port).send(hello(someone("bounce.test"))) == Answer(Verdict.REFUSED, "smtp_550")
    busy = hello(someone("busy.test"))
    assert mailer(office.smtp_port).send(busy) == Answer(Verdict.DEFERRED, "smtp_451")
    assert mailer(office.smtp_port).send(busy) == ACCEPTED


def test_names_and_subjects_can_not_become_headers_or_recipients(office: PostOffice) -> None:
    to, victim = someone(), someone()
    evil = f"Ada\r\nBcc: {victim}\r\n\r\nInjected"
    assert mailer(office.smtp_port).send(hello(to, evil, Text(evil, "Hi"))) == ACCEPTED
    (row,) = office.messages(to)
    assert row["recipients"] == [to]
    names = {name.lower() for name, _ in office.message(row["id"])["headers"]}
    assert "bcc" not in names
    assert office.messages(victim) == []
    raw = Letter(new_id(), Recipient("Ada", to), evil, "text", "html")
    assert mailer(office.smtp_port).send(raw) == Answer(Verdict.REFUSED, "letter_malformed")


@pytest.mark.parametrize(
    "address", ["", "nobody", "a b@x.test", "a@x.test\r\nBcc: b@x.test", "a@x.test, b@x.test", "@"]
)
def test_what_is_no_address_is_refused_before_anyone_is_asked(address: str) -> None:
    assert mailer(1).send(hello(address)) == Answer(Verdict.REFUSED, "letter_malformed")


def test_an_address_in_another_script_is_served_where_the_server_can(office: PostOffice) -> None:
    to = f"zoë{new_id()}@example.com"
    assert mailer(office.smtp_port).send(hello(to)) == ACCEPTED
    assert len(office.messages(to)) == 1
    with smtp_server(enable_SMTPUTF8=False) as port:
        assert mailer(port).send(hello(to)) == Answer(Verdict.REFUSED, "smtp_not_supported")


def test_a_server_that_is_not_there_or_says_nothing_is_tried_again() -> None:
    assert mailer(ports.choose()).send(hello(someone())) == Answer(Verdict.DEFERRED, "smtp_unreachable")
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        answer = mailer(port, step_seconds=0.2).send(hello(someone()))
    assert answer == Answer(Verdict.DEFERRED, "smtp_timeout")


def signs_in(server: Any, session: Any, envelope: Any, mechanism: str, data: LoginPassword) -> AuthResult:
    return AuthResult(success=data.login == b"campus" and data.password == b"p@ss/word", handled=False)


@pytest.fixture
def guarded(pki: Pki) -> Iterator[int]:
    """A server that takes mail only over TLS and from who signs in."""
    files = pki.of("messaging")
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(files.cert, files.key)
    with smtp_server(tls_context=tls, require_starttls=True, authenticator=signs_in, auth_required=True) as port:
        yield port


@pytest.fixture
def trusting(pki: Pki) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=str(pki.of("messaging").ca))


def test_a_password_goes_over_tls(guarded: int, trusting: ssl.SSLContext) -> None:
    there = mailer(guarded, "smtp+starttls", "campus:p%40ss%2Fword@", tls=trusting)
    assert there.send(hello(someone())) == ACCEPTED


def test_a_wrong_password_and_a_stranger_s_certificate_say_nothing_about_the_letter(
    guarded: int, trusting: ssl.SSLContext
) -> None:
    wrong = mailer(guarded, "smtp+starttls", "campus:wrong@", tls=trusting)
    assert wrong.send(hello(someone())) == Answer(Verdict.DEFERRED, "smtp_535")
    strange = mailer(guarded, "smtp+starttls", "campus:p%40ss%2Fword@")
    assert strange.send(hello(someone())) == Answer(Verdict.DEFERRED, "smtp_tls")


def test_a_server_without_tls_gets_neither_password_nor_letter(office: PostOffice) -> None:
    answer = mailer(office.smtp_port, "smtp+starttls", "campus:p%40ss%2Fword@").send(hello(someone()))
    assert answer == Answer(Verdict.DEFERRED, "smtp_not_supported")


@pytest.mark.parametrize("url", ["http://localhost:25", "smtp://", "localhost:25", "smtp://campus:secret@localhost:25"])
def test_a_url_that_can_not_be_right_is_refused_at_the_start(url: str) -> None:
    with pytest.raises(SystemExit, match="CAMPUS_SMTP_URL") as refusal:
        SmtpMailer(url, SENDER, FakeClock())
    assert "secret" not in str(refusal.value)
    with pytest.raises(SystemExit, match="CAMPUS_MAIL_FROM"):
        SmtpMailer("smtp://localhost", "nobody", FakeClock())
