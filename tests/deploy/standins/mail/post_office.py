"""The mail stand-in as a child process, and what tests ask of it."""

import json
import smtplib
import ssl
import subprocess
import sys
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import httpx

SENDER = "no-reply@campus.test"

# Everything here is plain HTTP on this machine: loading the certificate store for each request would cost the most.
NO_TLS = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
WEB = httpx.Client(verify=NO_TLS, limits=httpx.Limits(max_keepalive_connections=0))


class PostOffice:
    """One stand-in on one state directory; `start` again after `stop` or `kill` keeps ports and mails."""

    def __init__(self, state_dir: Path) -> None:
        self.state_dir = state_dir
        self.smtp_port = 0
        self.port = 0
        self._process: subprocess.Popen[str] | None = None

    def command(self) -> list[str]:
        ports = ["--smtp-port", str(self.smtp_port), "--port", str(self.port)]
        return [sys.executable, "-m", "deploy.local.standins.mail", *ports, "--state-dir", str(self.state_dir)]

    def start(self) -> "PostOffice":
        self._process = subprocess.Popen(self.command(), stdout=subprocess.PIPE, text=True)
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        assert line, "the stand-in ended before it was ready"
        ready = json.loads(line)
        assert ready == {"ready": True, "smtp_port": ready["smtp_port"], "port": ready["port"]}
        self.smtp_port, self.port = ready["smtp_port"], ready["port"]
        return self

    def stop(self) -> int:
        assert self._process is not None
        self._process.terminate()
        return self._ended(self._process)

    def kill(self) -> None:
        assert self._process is not None
        self._process.kill()
        self._ended(self._process)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def smtp(self) -> smtplib.SMTP:
        return smtplib.SMTP("127.0.0.1", self.smtp_port, timeout=10)

    def send(self, to: str, subject: str = "Welcome", text: str = "Hello", html: str | None = None) -> None:
        with self.smtp() as smtp:
            smtp.send_message(letter(to, subject, text, html))

    def messages(self, to: str | None = None) -> list[dict[str, Any]]:
        answer = WEB.get(f"{self.url}/api/messages", params={"to": to} if to else {})
        assert answer.status_code == 200
        found: list[dict[str, Any]] = answer.json()["messages"]
        return found

    def message(self, mail_id: str) -> dict[str, Any]:
        found: dict[str, Any] = WEB.get(f"{self.url}/api/messages/{mail_id}").json()
        return found

    @staticmethod
    def _ended(process: subprocess.Popen[str]) -> int:
        code = process.wait(timeout=10)
        assert process.stdout is not None
        process.stdout.close()
        return code


def letter(to: str, subject: str = "Welcome", text: str = "Hello", html: str | None = None) -> EmailMessage:
    message = EmailMessage()
    message["From"] = f"Campus <{SENDER}>"
    message["To"] = to
    message["Subject"] = subject
    message.set_content(text)
    if html is not None:
        message.add_alternative(html, subtype="html")
    return message
