"""The SMTP side, spoken to by smtplib and, where that is too polite, by hand."""

import smtplib
import socket

import pytest

from deploy.local.standins.mail.smtp import SIZE_LIMIT
from tests.deploy.standins.mail.post_office import SENDER, PostOffice, letter


def _rcpt(smtp: smtplib.SMTP, address: str) -> int:
    """The answer to a recipient written exactly so, in a transaction of its own."""
    smtp.ehlo_or_helo_if_needed()
    assert smtp.docmd("MAIL", f"FROM:<{SENDER}>")[0] == 250
    code = smtp.docmd("RCPT", f"TO:<{address}>")[0]
    smtp.rset()
    return code


def test_an_accepted_mail_is_kept_as_it_was_sent(office: PostOffice) -> None:
    office.send("Ánna <anna@students.test>", subject="Grüße", text="Zeile 1\n.Zeile 2 mit Punkt\n")
    [found] = office.messages()
    assert (found["subject"], found["recipients"], found["mail_from"]) == ("Grüße", ["anna@students.test"], SENDER)
    opened = office.message(found["id"])
    assert opened["text"] == "Zeile 1\r\n.Zeile 2 mit Punkt\r\n"


def test_the_envelope_counts_not_the_headers(office: PostOffice) -> None:
    with office.smtp() as smtp:
        smtp.send_message(letter("list@students.test"), to_addrs=["hidden@students.test", "also@students.test"])
    assert office.messages("list@students.test") == []
    assert [mail["recipients"] for mail in office.messages("hidden@students.test")] == [
        ["hidden@students.test", "also@students.test"]
    ]


def test_many_mails_go_over_one_connection(office: PostOffice) -> None:
    with office.smtp() as smtp:
        for number in range(50):
            smtp.send_message(letter("many@students.test", subject=str(number)))
    assert [mail["subject"] for mail in office.messages("many@students.test")] == [str(n) for n in reversed(range(50))]


@pytest.mark.parametrize(
    ("address", "code"),
    [
        ("anna@students.test", 250),
        ("anna+course.1@mail.students.test", 250),
        ('"anna smith"@students.test', 250),
        ("anna@localhost", 504),
        ("anna", 504),
        ("anna@", 553),
        ("@students.test", 553),
        ("an na@students.test", 553),
        ("anna@students..test", 553),
        ("anna@-students.test", 501),
        ("anna@stud_ents!.test", 501),
        ("a" * 65 + "@students.test", 501),
        ("anna@" + "s" * 64 + ".test", 501),
        ("anna@" + "s." * 130 + "test", 501),
    ],
)
def test_a_recipients_syntax_is_checked(office: PostOffice, address: str, code: int) -> None:
    with office.smtp() as smtp:
        assert _rcpt(smtp, address) == code


def test_an_unknown_mailbox_bounces_and_the_others_get_their_mail(office: PostOffice) -> None:
    with office.smtp() as smtp:
        refused = smtp.send_message(letter("x@bounce.test"), to_addrs=["x@bounce.test", "anna@students.test"])
        assert {address: code for address, (code, _) in refused.items()} == {"x@bounce.test": 550}
        with pytest.raises(smtplib.SMTPRecipientsRefused) as all_refused:
            smtp.send_message(letter("X@BOUNCE.test"))
    assert all_refused.value.recipients["X@BOUNCE.test"][0] == 550
    assert [mail["recipients"] for mail in office.messages()] == [["anna@students.test"]]


def test_a_busy_mailbox_takes_each_mail_at_the_second_attempt(office: PostOffice) -> None:
    for subject in ("first", "second"):
        with pytest.raises(smtplib.SMTPRecipientsRefused) as refused:
            office.send("anna@busy.test", subject)
        assert refused.value.recipients["anna@busy.test"][0] == 451
        office.send("anna@busy.test", subject)
    assert [mail["subject"] for mail in office.messages("anna@busy.test")] == ["second", "first"]


def test_the_size_limit_is_announced_and_kept(office: PostOffice) -> None:
    with office.smtp() as smtp:
        smtp.ehlo()
        assert smtp.esmtp_features["size"] == str(SIZE_LIMIT)
        assert smtp.docmd("MAIL", f"FROM:<{SENDER}> SIZE={SIZE_LIMIT + 1}")[0] == 552
        assert smtp.docmd("MAIL", f"FROM:<{SENDER}> SIZE=lots")[0] == 501
        # A sender that does not announce its size is stopped by the bytes themselves.
        assert smtp.docmd("MAIL", f"FROM:<{SENDER}>")[0] == 250
        assert smtp.docmd("RCPT", "TO:<anna@students.test>")[0] == 250
        line = b"x" * 900 + b"\r\n"
        code, _ = smtp.data(b"From: a@b.test\r\n\r\n" + line * (SIZE_LIMIT // len(line) + 1))
        assert code == 552
        smtp.send_message(letter("anna@students.test"))
    assert len(office.messages()) == 1


def test_lines_have_a_limit(office: PostOffice) -> None:
    head = "From: a@b.test\r\n\r\n"
    with office.smtp() as smtp:
        smtp.sendmail(SENDER, ["anna@students.test"], head + "x" * 998)
        with pytest.raises(smtplib.SMTPDataError) as refused:
            smtp.sendmail(SENDER, ["anna@students.test"], head + "x" * 1100)
    assert refused.value.smtp_code == 500
    assert len(office.messages()) == 1


def test_commands_out_of_order_are_refused(office: PostOffice) -> None:
    with office.smtp() as smtp:
        assert smtp.docmd("MAIL", f"FROM:<{SENDER}>")[0] == 503
        smtp.ehlo()
        assert smtp.docmd("RCPT", "TO:<anna@students.test>")[0] == 503
        assert smtp.docmd("DATA")[0] == 503
        assert smtp.docmd("MAIL", f"FROM:<{SENDER}>")[0] == 250
        assert smtp.docmd("DATA")[0] == 503
        assert smtp.docmd("MAIL", f"FROM:<{SENDER}>")[0] == 503
        assert smtp.docmd("NONSENSE")[0] == 500


def test_too_many_recipients_are_put_off(office: PostOffice) -> None:
    addresses = [f"student{number}@students.test" for number in range(101)]
    with office.smtp() as smtp:
        refused = smtp.send_message(letter("all@students.test"), to_addrs=addresses)
    assert {address: code for address, (code, _) in refused.items()} == {addresses[-1]: 452}


def test_a_non_ascii_address_needs_smtputf8(office: PostOffice) -> None:
    with office.smtp() as smtp:
        smtp.ehlo()
        smtp.send_message(letter("ánna@students.test"))
        smtp.command_encoding = "utf-8"
        assert smtp.docmd("MAIL", f"FROM:<{SENDER}>")[0] == 250
        assert smtp.docmd("RCPT", "TO:<ánna@students.test>")[0] == 553
    assert [mail["recipients"] for mail in office.messages()] == [["ánna@students.test"]]


def _by_hand(office: PostOffice, data: bytes) -> bytes:
    """The answer to a message sent byte by byte as given, after a proper envelope."""
    with socket.create_connection(("127.0.0.1", office.smtp_port), timeout=10) as connection:
        answers = connection.makefile("rb")
        answers.readline()
        for command in (b"HELO tests", b"MAIL FROM:<a@b.test>", b"RCPT TO:<anna@students.test>", b"DATA"):
            connection.sendall(command + b"\r\n")
            answer = answers.readline()
        assert answer.startswith(b"354")
        connection.sendall(data + b"\r\n.\r\n")
        return answers.readline()[:3]


def test_bare_line_feeds_are_refused(office: PostOffice) -> None:
    smuggled = b"From: a@b.test\r\n\r\nhello\n.\nMAIL FROM:<boss@b.test>\n"
    assert _by_hand(office, smuggled) == b"550"
    assert office.messages() == []


@pytest.mark.parametrize("head", [b"Subject: no sender", b"From: a@b.test\r\nFrom: c@d.test"])
def test_a_mail_needs_exactly_one_from(office: PostOffice, head: bytes) -> None:
    assert _by_hand(office, head + b"\r\n\r\nhello") == b"550"
    assert _by_hand(office, b"From: a@b.test\r\n\r\nhello") == b"250"
    assert len(office.messages()) == 1


def test_a_mail_that_breaks_off_is_not_there(office: PostOffice) -> None:
    with office.smtp() as smtp:
        smtp.ehlo()
        smtp.mail(SENDER)
        smtp.rcpt("anna@students.test")
        assert smtp.docmd("DATA")[0] == 354
        smtp.send("From: a@b.test\r\n\r\nhalf a ma")
        smtp.close()
    office.send("next@students.test")
    assert [mail["recipients"] for mail in office.messages()] == [["next@students.test"]]
