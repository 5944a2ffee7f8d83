"""The inbox page and the JSON interface, over HTTP."""

import re
from email.message import EmailMessage

import pytest

from tests.deploy.standins.mail.post_office import SENDER, WEB, PostOffice

HOSTILE = '<script>alert(1)</script><img src="http://evil.test/x.png"><a href="https://campus.test/verify">verify</a>'


def test_the_list_shows_the_newest_first_and_searches_by_recipient(office: PostOffice) -> None:
    office.send("anna@students.test", "Oldest")
    office.send("ben@students.test", "Middle")
    office.send("anna@students.test", "Newest")
    page = WEB.get(office.url).text
    assert re.findall(r'class="subject">(\w+)<', page) == ["Newest", "Middle", "Oldest"]
    found = WEB.get(office.url, params={"to": "BEN@"}).text
    assert re.findall(r'class="subject">(\w+)<', found) == ["Middle"]
    assert 'value="BEN@"' in found
    assert "No mail to a recipient like this" in WEB.get(office.url, params={"to": "nobody"}).text


def test_an_empty_inbox_says_so(office: PostOffice) -> None:
    assert "No mail yet" in WEB.get(office.url).text


def test_the_page_needs_no_script_and_nothing_from_outside(office: PostOffice) -> None:
    office.send("anna@students.test", html="<p>hello</p>")
    [mail] = office.messages()
    for path in ("/", f"/messages/{mail['id']}"):
        answer = WEB.get(office.url + path)
        assert not re.search(r"<script|(src|href)=\"(?!/)[^#\"]", answer.text)
        assert "default-src 'none'" in answer.headers["Content-Security-Policy"]


def test_hostile_text_is_shown_as_text(office: PostOffice) -> None:
    office.send("anna@students.test", subject=HOSTILE, text=HOSTILE)
    [mail] = office.messages()
    for path in ("/", f"/messages/{mail['id']}"):
        page = WEB.get(office.url + path).text
        assert "<script" not in page
        assert "&lt;script&gt;" in page
        assert "<img" not in page
    assert "<script" not in WEB.get(office.url, params={"to": HOSTILE}).text


def test_html_is_shown_in_a_sandbox_without_scripts_or_network(office: PostOffice) -> None:
    office.send("anna@students.test", html=HOSTILE)
    [mail] = office.messages()
    page = WEB.get(f"{office.url}/messages/{mail['id']}").text
    frame = re.search(r"<iframe[^>]*>", page)
    assert frame is not None
    assert f'src="/messages/{mail["id"]}/html"' in frame[0]
    assert "allow-scripts" not in frame[0]
    assert "allow-same-origin" not in frame[0]
    assert "<script" not in page
    answer = WEB.get(f"{office.url}/messages/{mail['id']}/html")
    assert HOSTILE in answer.text
    policy = answer.headers["Content-Security-Policy"]
    # Opened on its own, outside the frame, the policy alone must hold it.
    assert "; sandbox " in policy
    assert "default-src 'none'" in policy
    assert not re.search(r"allow-scripts|allow-same-origin|allow-forms|script-src|http", policy)


def test_links_in_plain_text_can_be_followed(office: PostOffice) -> None:
    office.send("anna@students.test", text="Verify: https://campus.test/v?a=1&b=2 please")
    [mail] = office.messages()
    page = WEB.get(f"{office.url}/messages/{mail['id']}").text
    assert '<a href="https://campus.test/v?a=1&amp;b=2"' in page


def _with_attachment(content: bytes, filename: str) -> EmailMessage:
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = SENDER, "anna@students.test", "Certificate"
    message.set_content("See attachment.")
    message.add_attachment(content, maintype="text", subtype="html", filename=filename)
    return message


def test_attachments_are_listed_and_downloaded_never_shown(office: PostOffice) -> None:
    with office.smtp() as smtp:
        smtp.send_message(_with_attachment(b"<script>1</script>\x00\xff", 'Zeugnis "Ä".html'))
    [mail] = office.messages()
    opened = office.message(mail["id"])
    [part] = opened["attachments"]
    assert (part["filename"], part["content_type"], part["size_bytes"]) == ('Zeugnis "Ä".html', "text/html", 20)
    assert opened["html"] is None
    answer = WEB.get(office.url + part["url"])
    assert answer.content == b"<script>1</script>\x00\xff"
    assert answer.headers["Content-Type"] == "application/octet-stream"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Content-Disposition"] == "attachment; filename*=UTF-8''Zeugnis%20%22%C3%84%22.html"
    assert WEB.get(office.url + part["url"][:-1] + "2").status_code == 404


def test_the_raw_mail_is_what_came_over_the_wire(office: PostOffice) -> None:
    office.send("anna@students.test", subject="Raw", text="body")
    [mail] = office.messages()
    answer = WEB.get(f"{office.url}/messages/{mail['id']}/raw")
    assert answer.headers["Content-Type"].startswith("text/plain")
    assert answer.content.endswith(b"\r\n\r\nbody\r\n")
    assert b"Subject: Raw\r\n" in answer.content
    assert len(answer.content) == mail["size_bytes"]


def test_the_api_finds_by_whole_address_and_in_pages(office: PostOffice) -> None:
    for number in range(3):
        office.send("anna@students.test", str(number))
    office.send("joanna@students.test", "another person")
    assert [mail["subject"] for mail in office.messages("ANNA@students.test")] == ["2", "1", "0"]
    assert office.messages("anna") == []
    first = WEB.get(f"{office.url}/api/messages", params={"limit": 1}).json()["messages"]
    assert [mail["subject"] for mail in first] == ["another person"]
    for limit in ("0", "1001", "x", "-1"):
        assert WEB.get(f"{office.url}/api/messages", params={"limit": limit}).status_code == 400


def test_the_api_opens_a_mail_with_headers_text_and_html(office: PostOffice) -> None:
    office.send("Ánna <anna@students.test>", "Grüße", "text ä", "<p>html ä</p>")
    [mail] = office.messages()
    opened = office.message(mail["id"])
    headers = dict(opened["headers"])
    assert (headers["To"], headers["Subject"]) == ("Ánna <anna@students.test>", "Grüße")
    assert (opened["text"].strip(), opened["html"].strip()) == ("text ä", "<p>html ä</p>")


def test_what_is_not_there_is_not_found(office: PostOffice) -> None:
    assert WEB.get(f"{office.url}/api/messages/nothing").json() == {"error": "There is no such mail."}
    page = WEB.get(f"{office.url}/messages/nothing")
    assert (page.status_code, "There is no such mail." in page.text) == (404, True)
    office.send("anna@students.test")
    [mail] = office.messages()
    assert WEB.get(f"{office.url}/messages/{mail['id']}/html").status_code == 404
    assert WEB.post(f"{office.url}/api/messages").status_code == 405


def test_deleting_empties_the_inbox(office: PostOffice) -> None:
    office.send("anna@students.test")
    assert WEB.delete(f"{office.url}/api/messages").status_code == 204
    assert office.messages() == []
    assert office.messages("anna@students.test") == []


@pytest.mark.parametrize(
    "raw",
    [
        b"From: a@b.test\r\nContent-Type: text/plain; charset=no-such\r\n\r\nh\xe4llo",
        b"From: a@b.test\r\nSubject: \xff\xfe raw bytes\r\n\r\nx",
        b"From: a@b.test\r\nSubject: =?utf-8?q?broken\r\nDate: never\r\nTo: <<>>,;\r\n\r\nx",
        b"From: a@b.test\r\nContent-Type: multipart/mixed; boundary=x\r\n\r\nno parts at all",
        b"From: a@b.test\r\nContent-Type: text/html\r\nContent-Transfer-Encoding: base64\r\n\r\n!!!not base64!!!",
        b"From: [\r\nTo: @,\r\nMessage-ID: <\r\nContent-Disposition: ;;=\r\nContent-Type: ///\r\n\r\nx",
        b"From: a@b.test\r\n",
    ],
)
def test_badly_made_mail_can_still_be_opened(office: PostOffice, raw: bytes) -> None:
    with office.smtp() as smtp:
        smtp.sendmail(SENDER, ["anna@students.test"], raw)
    [mail] = office.messages()
    assert office.message(mail["id"])["id"] == mail["id"]
    for path in ("/", f"/messages/{mail['id']}", f"/messages/{mail['id']}/raw"):
        assert WEB.get(office.url + path).status_code == 200
