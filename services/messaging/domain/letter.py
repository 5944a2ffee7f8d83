"""A notification as a mail: greeted by name, as text and as HTML in which whatever was written by people is escaped."""

import re
from dataclasses import dataclass, field
from html import escape

from services.messaging.domain.notification import Text
from services.messaging.domain.words import one_line


@dataclass(frozen=True, slots=True)
class Recipient:
    name: str = field(repr=False)
    email: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Letter:
    """`id` is the delivery's: a letter that is sent twice is recognised by it."""

    id: str
    recipient: Recipient
    subject: str = field(repr=False)
    text: str = field(repr=False)
    html: str = field(repr=False)


# Looked for in text that is escaped already, so an ampersand stands there as `&amp;`.
_LINK = re.compile(r"https?://(?:[\w.~:/?#@!$*+,=%-]|&amp;)+[\w/]")
_PAGE = """\
<!DOCTYPE html>
<html lang="en">
<head><meta charset="utf-8"><title>{subject}</title></head>
<body style="margin:0;padding:24px;background:#f4f4f7;font-family:sans-serif;color:#1d1d27;line-height:1.5">
<div style="max-width:560px;margin:0 auto;padding:24px;background:#ffffff;border-radius:8px">
<h1 style="font-size:20px;margin:0 0 16px">{subject}</h1>
{paragraphs}
<p style="font-size:13px;color:#62626e;margin:24px 0 0">{footer}</p>
</div>
</body>
</html>
"""


def letter(delivery_id: str, text: Text, recipient: Recipient, site: str) -> Letter:
    """`site` is the public address of the platform."""
    name = one_line(recipient.name)
    greeting = f"Hello {name}," if name else "Hello,"
    footer = f"You get this mail because you have an account at Campus, {site}."
    paragraphs = [greeting, *re.split(r"\n\s*\n", text.message.replace("\r\n", "\n").strip())]
    page = _PAGE.format(
        subject=escape(one_line(text.subject)),
        paragraphs="\n".join(map(_paragraph, paragraphs)),
        footer=_linked(footer),
    )
    plain = "\n\n".join([*paragraphs, f"-- \n{footer}"]) + "\n"
    return Letter(delivery_id, Recipient(name, recipient.email), one_line(text.subject), plain, page)


def _paragraph(text: str) -> str:
    return f'<p style="margin:0 0 12px">{_linked(text)}</p>'


def _linked(text: str) -> str:
    shown = _LINK.sub(lambda found: f'<a href="{found[0]}">{found[0]}</a>', escape(text))
    return shown.replace("\n", "<br>\n")
