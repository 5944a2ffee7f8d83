"""The SMTP side: what a receiving server checks before it takes responsibility for a mail."""

import asyncio
import logging
import re
from email import message_from_bytes
from email.policy import SMTP as SMTP_POLICY

from aiosmtpd.smtp import SMTP, Envelope, Session, syntax

from deploy.local.standins.mail.store import Mailbox

SIZE_LIMIT = 25 * 1024 * 1024
_MOST_RECIPIENTS = 100
_LABEL = re.compile(r"[^\W_]([\w-]{0,61}[^\W_])?")
_LOCAL_PART = re.compile(r"[^\s\x00-\x20\x7f()<>\[\]:;@\\,\"]+")
_BARE_LINE_FEED = re.compile(rb"(?<!\r)\n")
_UNQUOTED_BLANK = re.compile(r'TO:\s*<[^"<>]*\s[^"<>]*>', re.IGNORECASE)
_log = logging.getLogger(__name__)


class Receiver:
    """Handler hooks of aiosmtpd; the library itself enforces command order, SIZE, line length and SMTPUTF8."""

    def __init__(self, mailbox: Mailbox) -> None:
        self._mailbox = mailbox

    async def handle_MAIL(  # noqa: N802 - the library calls it by this name
        self, server: SMTP, session: Session, envelope: Envelope, address: str, mail_options: list[str]
    ) -> str:
        fault = _address_fault(address, smtp_utf8=envelope.smtp_utf8)
        if fault:
            return fault
        envelope.mail_from = address
        envelope.mail_options.extend(mail_options)
        return "250 2.1.0 Sender OK"

    async def handle_RCPT(  # noqa: N802 - the library calls it by this name
        self, server: SMTP, session: Session, envelope: Envelope, address: str, rcpt_options: list[str]
    ) -> str:
        fault = _address_fault(address, smtp_utf8=envelope.smtp_utf8)
        if fault:
            return fault
        if len(envelope.rcpt_tos) >= _MOST_RECIPIENTS:
            return "452 4.5.3 Too many recipients"
        domain = address.rpartition("@")[2].lower()
        if domain == "bounce.test":
            return f"550 5.1.1 <{address}>: mailbox does not exist"
        if domain == "busy.test" and await asyncio.to_thread(self._mailbox.defer_once, address):
            return f"451 4.3.0 <{address}>: mailbox busy, try again later"
        envelope.rcpt_tos.append(address)
        envelope.rcpt_options.extend(rcpt_options)
        return "250 2.1.5 Recipient OK"

    async def handle_DATA(  # noqa: N802 - the library calls it by this name
        self, server: SMTP, session: Session, envelope: Envelope
    ) -> str:
        raw = envelope.original_content or b""
        fault = _content_fault(raw)
        if fault:
            return fault
        sender, recipients = envelope.mail_from or "", [str(address) for address in envelope.rcpt_tos]
        mail = await asyncio.to_thread(self._mailbox.add, sender, recipients, raw)
        return f"250 2.0.0 Queued as {mail.mail_id}"

    async def handle_exception(self, error: Exception) -> str:
        """Our own fault must read as temporary, or the sender would give the mail up."""
        _log.error("mail could not be taken", exc_info=error)
        return "451 4.3.0 Local error, try again later"


class _StrictSMTP(SMTP):
    """The library mends blanks in an unquoted recipient silently; a real server refuses them."""

    @syntax("RCPT TO: <address>", extended=" [SP <mail-parameters>]")
    async def smtp_RCPT(self, arg: str | None) -> None:  # noqa: N802 - the command's name
        if arg is not None and _UNQUOTED_BLANK.match(arg):
            await self.push("553 5.1.3 Error: malformed address")
        else:
            await super().smtp_RCPT(arg)


def new_session(mailbox: Mailbox) -> SMTP:
    return _StrictSMTP(
        Receiver(mailbox),
        data_size_limit=SIZE_LIMIT,
        enable_SMTPUTF8=True,
        hostname="mail.localhost",
        ident="Campus mail stand-in",
    )


def _address_fault(address: str, *, smtp_utf8: bool) -> str | None:
    if not address.isascii() and not smtp_utf8:
        return "553 5.6.7 Address with non-ASCII characters needs SMTPUTF8"
    local, at, domain = address.rpartition("@")
    if not at or "." not in domain:
        return f"504 5.5.2 <{address}>: need fully-qualified address"
    if len(local.encode()) > 64 or len(domain.encode()) > 255:
        return "501 5.1.3 Address is too long"
    dot_atom = (
        _LOCAL_PART.fullmatch(local) and not local.startswith(".") and not local.endswith(".") and ".." not in local
    )
    quoted = len(local) > 1 and local.startswith('"') and local.endswith('"')
    if not (dot_atom or quoted) or not all(_LABEL.fullmatch(label) for label in domain.split(".")):
        return f"501 5.1.3 <{address}>: bad address syntax"
    return None


def _content_fault(raw: bytes) -> str | None:
    if _BARE_LINE_FEED.search(raw):
        return "550 5.6.11 Bare line feeds are not accepted"
    headers = message_from_bytes(raw, policy=SMTP_POLICY)
    if len(headers.get_all("From", [])) != 1:
        return "550 5.7.1 Messages need exactly one From header"
    return None
