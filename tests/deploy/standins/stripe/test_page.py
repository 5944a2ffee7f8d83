"""The hosted page as a browser without JavaScript sees it: its own form, submitted as it says."""

from html.parser import HTMLParser
from typing import Any

import httpx

from tests.deploy.standins.stripe.orders import session_params
from tests.deploy.standins.stripe.server import HTTP, Standin


class Form(HTMLParser):
    """The one form of a page: where it goes, how, and its fields; and whether any script is there."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.action, self.method = "", ""
        self.fields: dict[str, str] = {}
        self.scripts = 0
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attrs}
        self.scripts += tag == "script"
        if tag == "form":
            self.action, self.method = values["action"], values["method"]
        elif tag == "input":
            self.fields[values["name"]] = values.get("value", "")


def submit(page_url: str, **typed: str) -> httpx.Response:
    """Fill in the form that the page shows and send it where the page says."""
    page = HTTP.get(page_url)
    form = Form(page.text)
    assert (page.status_code, form.method, form.scripts) == (200, "post", 0)
    assert typed.keys() <= form.fields.keys()
    return HTTP.post(httpx.URL(page_url).join(form.action), data={**form.fields, **typed})


def test_the_form_pays_and_sends_the_customer_back(client: Any) -> None:
    session = client.checkout.sessions.create(params=session_params(cancel_url="http://localhost:8080/no"))
    html = HTTP.get(session.url).text
    assert "Latin for beginners" in html
    assert "$49.00" in html
    assert "http://localhost:8080/no" in html
    sent = submit(session.url, card_number="4242 4242 4242 4242", email="ada@example.com", name="Ada")
    assert sent.status_code == 303
    assert sent.headers["location"] == f"http://localhost:8080/done?session={session.id}"
    assert client.checkout.sessions.retrieve(session.id).payment_status == "paid"


def test_a_decline_is_shown_and_the_customer_may_try_again(client: Any) -> None:
    session = client.checkout.sessions.create(params=session_params())
    refused = submit(session.url, card_number="4000000000009995", email="ada@example.com")
    assert refused.status_code == 402
    assert "insufficient funds" in refused.text
    assert Form(refused.text).fields["email"] == "ada@example.com"
    assert "4000000000009995" not in refused.text
    assert submit(session.url, card_number="4242424242424242").status_code == 303


def test_the_bank_asks_on_a_page_of_its_own(client: Any) -> None:
    session = client.checkout.sessions.create(params=session_params())
    asked = submit(session.url, card_number="4000 0025 0000 3155", email="ada@example.com")
    bank = asked.headers["location"]
    assert "$49.00" in HTTP.get(bank).text
    failed = HTTP.post(bank, data={"decision": "fail"})
    assert (failed.status_code, "failed authentication" in failed.text) == (402, True)
    again = submit(session.url, card_number="4000 0025 0000 3155").headers["location"]
    approved = HTTP.post(again, data={"decision": "approve"})
    assert (approved.status_code, approved.headers["location"]) == (
        303,
        f"http://localhost:8080/done?session={session.id}",
    )


def test_what_the_merchant_and_customer_wrote_is_no_markup(client: Any) -> None:
    params = session_params()
    params["line_items"][0]["price_data"]["product_data"]["name"] = "<script>alert(1)</script>"
    session = client.checkout.sessions.create(params=params)
    refused = submit(session.url, card_number="4000000000000002", email='"><script>x</script>@example.com')
    assert Form(refused.text).scripts == 0
    assert "&lt;script&gt;alert(1)" in refused.text
    assert "default-src 'none'" in refused.headers["content-security-policy"]


def test_a_known_email_cannot_be_changed(client: Any) -> None:
    session = client.checkout.sessions.create(params=session_params(customer_email="ada@example.com"))
    submit(session.url, card_number="4242424242424242", email="eve@example.com")
    assert client.checkout.sessions.retrieve(session.id).customer_details.email == "ada@example.com"


def test_a_closed_or_unknown_session_says_so(standin: Standin, client: Any) -> None:
    paid, expired = (client.checkout.sessions.create(params=session_params()) for _ in range(2))
    standin.pay(paid.id)
    client.checkout.sessions.expire(expired.id)
    for url, text in ((f"/c/pay/{paid.id}", "has been paid"), (f"/c/pay/{expired.id}", "has expired")):
        assert text in HTTP.get(standin.url + url).text
        assert HTTP.post(standin.url + url, data={"card_number": "4242424242424242"}).status_code == 409
    assert HTTP.get(f"{standin.url}/c/pay/cs_test_nobody").status_code == 404


def test_a_paid_charge_has_a_receipt(standin: Standin, client: Any) -> None:
    session = client.checkout.sessions.create(params=session_params())
    standin.pay(session.id)
    done = client.checkout.sessions.retrieve(session.id, params={"expand": ["payment_intent.latest_charge"]})
    receipt = HTTP.get(done.payment_intent.latest_charge.receipt_url)
    assert (receipt.status_code, "$49.00" in receipt.text) == (200, True)
