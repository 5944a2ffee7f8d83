"""A raw mail opened up: headers, text, HTML and attachments, however badly it is made."""

from dataclasses import dataclass
from datetime import UTC, datetime
from email import message_from_bytes
from email.message import EmailMessage, MIMEPart
from email.policy import default

from deploy.local.standins.mail.store import Mail


@dataclass(frozen=True)
class Attachment:
    filename: str
    content_type: str
    content: bytes


@dataclass(frozen=True)
class Contents:
    """What a reader sees of a mail; `text` and `html` are None when the mail has no such body."""

    headers: list[tuple[str, str]]
    text: str | None
    html: str | None
    attachments: list[Attachment]

    def header(self, name: str) -> str:
        return next((value for key, value in self.headers if key.lower() == name), "")


def summary(mail: Mail) -> dict[str, object]:
    """A row of the list; parses the headers only."""
    head = _parse(mail.raw.partition(b"\r\n\r\n")[0] + b"\r\n\r\n")
    headers = dict(reversed([(name.lower(), value) for name, value in _headers(head)]))
    return {
        "id": mail.mail_id,
        "received_at": mail.received_at,
        "mail_from": mail.mail_from,
        "recipients": mail.recipients,
        "from": headers.get("from", ""),
        "to": headers.get("to", ""),
        "subject": headers.get("subject", ""),
        "size_bytes": len(mail.raw),
    }


def open_mail(mail: Mail) -> Contents:
    message = _parse(mail.raw)
    text, html = message.get_body(("plain",)), message.get_body(("html",))
    return Contents(
        headers=_headers(message),
        text=_text(text) if text is not None else None,
        html=_text(html) if html is not None else None,
        attachments=[_attachment(part, index) for index, part in enumerate(_attached(message, text, html), 1)],
    )


def shown_time(mail: Mail) -> str:
    moment = datetime.fromisoformat(mail.received_at).astimezone(UTC)
    return moment.strftime("%d %b %Y, %H:%M:%S UTC")


def _parse(raw: bytes) -> EmailMessage:
    return message_from_bytes(raw, policy=default)


def _headers(message: EmailMessage) -> list[tuple[str, str]]:
    found = []
    for name, raw in message.raw_items():
        try:
            value = str(default.header_fetch_parse(name, raw))
        except (ValueError, TypeError, IndexError, AttributeError):
            # The library's structured parser trips over some malformed headers; show those as they came.
            value = _printable(str(raw))
        found.append((name, value))
    return found


def _attached(message: EmailMessage, *bodies: MIMEPart | None) -> list[EmailMessage]:
    shown = [id(body) for body in bodies if body is not None]
    leaves = [part for part in message.walk() if not part.is_multipart()]
    return [part for part in leaves if isinstance(part, EmailMessage) and id(part) not in shown]


def _attachment(part: EmailMessage, index: int) -> Attachment:
    payload = part.get_payload(decode=True)
    content = payload if isinstance(payload, bytes) else b""
    return Attachment(part.get_filename() or f"part-{index}", part.get_content_type(), content)


def _text(part: MIMEPart) -> str:
    payload = part.get_payload(decode=True)
    raw = payload if isinstance(payload, bytes) else b""
    try:
        return raw.decode(part.get_content_charset() or "utf-8", errors="replace")
    except LookupError:
        return raw.decode("utf-8", errors="replace")


def _printable(value: str) -> str:
    """Undecodable bytes arrive as lone surrogates, which neither JSON nor HTML can carry."""
    return value.encode("utf-8", errors="replace").decode("utf-8")
