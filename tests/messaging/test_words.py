"""What users read: plain words, amounts as money is written, and nothing foreign that could act."""

from html.parser import HTMLParser

import pytest

from services.kernel.money import Money
from services.messaging.domain import occasions
from services.messaging.domain.letter import Recipient, letter
from services.messaging.domain.notification import Text
from services.messaging.domain.words import amount, one_line
from tests.messaging.conftest import SITE

ADA = Recipient("Ada", "ada@example.com")
MARKUP = '<script>alert("1")</script> & <img src=x onerror=y>'


class Tags(HTMLParser):
    """The elements of a page with their attributes, and its text."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.names: set[str] = set()
        self.links: list[str] = []
        self.text = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.names.add(tag)
        self.links += [value or "" for name, value in attrs if name == "href"]
        assert not [name for name, _ in attrs if name.startswith("on")]

    def handle_data(self, data: str) -> None:
        self.text += data


@pytest.mark.parametrize(
    ("money", "words"),
    [
        (Money("EUR", 4990), "49.90 EUR"),
        (Money("USD", 5), "0.05 USD"),
        (Money("JPY", 4990), "4990 JPY"),
        (Money("KWD", 4990), "4.990 KWD"),
        (Money("EUR", -150), "-1.50 EUR"),
    ],
)
def test_amounts_are_written_with_the_digits_of_their_currency(money: Money, words: str) -> None:
    assert amount(money) == words


def test_foreign_words_stay_on_one_line() -> None:
    assert one_line("Go\r\nBcc: x@y.test\t\x00 home\u2028now") == "Go Bcc: x@y.test home now"
    assert one_line("  Zoë  Ωmega 学 ") == "Zoë Ωmega 学"


def test_what_is_said_names_the_course_the_amount_and_the_reason() -> None:
    price = Money("EUR", 4990)
    paid = occasions.PaymentSucceeded(price, "t-1").text("Latin")
    assert paid.subject == "Payment received: Latin"
    assert '49.90 EUR for the course "Latin"' in paid.message
    assert "t-1" in paid.message
    failed = occasions.PaymentFailed(price, "t-1", "the bank declined it").text("Latin")
    assert failed.subject == "Payment failed: Latin"
    assert "did not go through: the bank declined it." in failed.message
    assert occasions.EnrollmentCreated().text("Latin").subject == "You are enrolled: Latin"
    ready = occasions.CertificateIssued(f"{SITE}/verify/C-1").text("Latin")
    assert ready.subject == "Your certificate is ready: Latin"
    assert f"{SITE}/verify/C-1" in ready.message
    assert occasions.Welcome().text("").subject == "Welcome to Campus"


def test_a_course_that_is_not_known_is_yours() -> None:
    text = occasions.EnrollmentCreated().text("")
    assert text == Text("You are enrolled", "You are enrolled in your course. You can start right away.")


def test_a_title_with_markup_is_shown_and_does_nothing() -> None:
    text = occasions.EnrollmentCreated().text(MARKUP)
    made = letter("d-1", text, Recipient("<b>Ada</b>", "ada@example.com"), SITE)
    page = Tags(made.html)
    assert page.names == {"html", "head", "meta", "title", "body", "div", "h1", "p", "a"}
    assert page.text.count(MARKUP) == 3, "title, heading and message"
    assert "Hello <b>Ada</b>," in page.text
    assert page.links == [SITE]
    assert MARKUP in made.text


def test_a_letter_greets_tells_and_says_why_it_came() -> None:
    made = letter("d-1", Text("Hi\nthere", "One\n\nTwo\nlines"), ADA, SITE)
    assert made.subject == "Hi there"
    assert made.text.startswith("Hello Ada,\n\nOne\n\nTwo\nlines\n\n-- \n")
    assert SITE in made.text
    assert "Two<br>\nlines</p>" in made.html
    assert letter("d-1", Text("Hi", "One"), Recipient("", "x@y.test"), SITE).text.startswith("Hello,\n")


def test_links_lead_where_they_say_and_nowhere_else() -> None:
    text = Text("Hi", 'See https://x.test/a?b=1&c=2. Not javascript:alert(1), nor "https://y.test/"onclick=z.')
    page = Tags(letter("d-1", text, ADA, SITE).html)
    assert page.links == ["https://x.test/a?b=1&c=2", "https://y.test/", SITE]


def test_a_letter_shows_none_of_its_content_where_it_is_logged() -> None:
    assert repr(letter("d-1", Text("Hi", "Secret"), ADA, SITE)) == "Letter(id='d-1', recipient=Recipient())"
