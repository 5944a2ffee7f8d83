"""Letters over SMTP: encrypted and signed in when the URL says so, and every answer told apart by what it means."""

import re
import smtplib
import ssl
from contextlib import suppress
from datetime import datetime
from email.errors import MessageError
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import format_datetime, parseaddr
from urllib.parse import unquote, urlsplit

from services.kernel.clock import Clock
from services.messaging.domain.letter import Letter
from services.messaging.domain.words import one_line
from services.messaging.ports import Answer, Verdict

# Each step of the conversation gets so long; all of them together stay within a delivery's lease.
STEP_SECONDS = 10.0
_PORTS = {"smtp": 25, "smtp+starttls": 587, "smtps": 465}
_TROUBLE = (smtplib.SMTPException, OSError)
# What the parser of addresses raises, depending on what it trips over.
_MALFORMED = (ValueError, MessageError, IndexError)


class SmtpMailer:
    """`url` is smtp://host:port, smtp+starttls://user:password@host:port, or smtps://user:password@host:port."""

    def __init__(
        self,
        url: str,
        sender: str,
        clock: Clock,
        *,
        tls: ssl.SSLContext | None = None,
        step_seconds: float = STEP_SECONDS,
    ) -> None:
        parts = urlsplit(url)
        if parts.scheme not in _PORTS or not parts.hostname:
            raise SystemExit(f"CAMPUS_SMTP_URL: one of {', '.join(_PORTS)}, then ://host:port")
        if parts.username and parts.scheme == "smtp":
            raise SystemExit("CAMPUS_SMTP_URL: a password travels only encrypted: smtp+starttls:// or smtps://")
        self._scheme, self._host, self._port = parts.scheme, parts.hostname, parts.port or _PORTS[parts.scheme]
        self._user, self._password = unquote(parts.username or ""), unquote(parts.password or "")
        self._tls = tls or ssl.create_default_context()
        self._step_seconds, self._clock = step_seconds, clock
        name, address = parseaddr(sender)
        try:
            self._sender = Address(name, addr_spec=address)
        except _MALFORMED:
            raise SystemExit("CAMPUS_MAIL_FROM: an address, or Name <address>") from None

    def send(self, letter: Letter) -> Answer:
        try:
            message = self._message(letter, self._clock())
        except _MALFORMED:
            return Answer(Verdict.REFUSED, "letter_malformed")
        try:
            smtp = self._connect()
        except _TROUBLE as error:
            # Whatever is wrong before the letter is shown says nothing about the letter, a wrong password included.
            return Answer(Verdict.DEFERRED, _word(error))
        try:
            smtp.send_message(message, to_addrs=[letter.recipient.email])
        except _TROUBLE as error:
            return Answer(Verdict.REFUSED if _for_good(error) else Verdict.DEFERRED, _word(error))
        finally:
            # The server has answered for the letter already: how the two part changes nothing.
            with suppress(*_TROUBLE):
                smtp.quit()
            smtp.close()
        return Answer(Verdict.ACCEPTED)

    def _message(self, letter: Letter, now: datetime) -> EmailMessage:
        message = EmailMessage()
        message["From"] = self._sender
        message["To"] = _address(letter.recipient.name, letter.recipient.email)
        message["Subject"] = letter.subject
        message["Date"] = format_datetime(now)
        message["Message-ID"] = f"<{letter.id}@{self._sender.domain}>"
        message["Auto-Submitted"] = "auto-generated"
        message.set_content(letter.text)
        message.add_alternative(letter.html, subtype="html")
        return message

    def _connect(self) -> smtplib.SMTP:
        timeout, name = self._step_seconds, self._sender.domain
        if self._scheme == "smtps":
            smtp: smtplib.SMTP = smtplib.SMTP_SSL(self._host, self._port, name, timeout=timeout, context=self._tls)
        else:
            smtp = smtplib.SMTP(self._host, self._port, name, timeout=timeout)
        try:
            if self._scheme == "smtp+starttls":
                smtp.starttls(context=self._tls)
            if self._user:
                smtp.login(self._user, self._password)
        except BaseException:
            smtp.close()
            raise
        return smtp


def _address(name: str, email: str) -> Address:
    """Raises one of _MALFORMED. The library's parser knows no address outside of ASCII, so those are shown to it with
    every such letter replaced."""
    local, _, domain = email.rpartition("@")
    Address(addr_spec=re.sub(r"[^\x00-\x7f]", "x", email))
    if one_line(email) != email or not local or not domain:
        raise ValueError("no address")
    return Address(name, local, domain) if not email.isascii() else Address(name, addr_spec=email)


def _code(error: Exception) -> int:
    """The code with which the server answered; 0 when it didn't."""
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        return next((int(code) for code, _ in error.recipients.values()), 0)
    return int(error.smtp_code) if isinstance(error, smtplib.SMTPResponseException) else 0


def _for_good(error: Exception) -> bool:
    """A server that knows no SMTPUTF8 never takes an address that needs it."""
    return 500 <= _code(error) <= 599 or isinstance(error, smtplib.SMTPNotSupportedError)


def _word(error: Exception) -> str:
    if code := _code(error):
        return f"smtp_{code}"
    if isinstance(error.__context__, TimeoutError):
        return "smtp_timeout"  # which the library calls a lost connection
    match error:
        case smtplib.SMTPNotSupportedError():
            return "smtp_not_supported"
        case TimeoutError():
            return "smtp_timeout"
        case ssl.SSLError():
            return "smtp_tls"
        case smtplib.SMTPServerDisconnected():
            return "smtp_disconnected"
    return "smtp_unreachable"
