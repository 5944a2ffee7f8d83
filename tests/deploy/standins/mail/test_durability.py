"""Mail that was acknowledged survives stops, kills and restarts."""

import smtplib
import subprocess
import threading
from pathlib import Path

import pytest

from tests.deploy.standins.mail.post_office import PostOffice, letter


def test_a_stop_is_clean_and_a_restart_keeps_mail_and_deferrals(own_office: PostOffice) -> None:
    own_office.send("anna@students.test", "Kept")
    with pytest.raises(smtplib.SMTPRecipientsRefused):
        own_office.send("anna@busy.test", "Retried")
    assert own_office.stop() == 0
    own_office.start()
    own_office.send("anna@busy.test", "Retried")
    assert [mail["subject"] for mail in own_office.messages()] == ["Retried", "Kept"]


def test_mail_acknowledged_before_a_kill_is_there_afterwards(own_office: PostOffice) -> None:
    acknowledged: list[str] = []
    thirty = threading.Event()

    def send() -> None:
        try:
            with own_office.smtp() as smtp:
                for number in range(10_000):
                    smtp.send_message(letter("anna@students.test", str(number)))
                    acknowledged.append(str(number))
                    if len(acknowledged) == 30:
                        thirty.set()
        except (smtplib.SMTPException, OSError):
            return

    sender = threading.Thread(target=send)
    sender.start()
    assert thirty.wait(20)
    own_office.kill()
    sender.join()
    own_office.start()
    kept = {mail["subject"] for mail in own_office.messages("anna@students.test")}
    assert len(acknowledged) >= 30
    # The list shows the newest 200; one mail may have been kept whose acknowledgement was lost on the way.
    assert set(acknowledged[-190:]) <= kept
    assert len(kept - set(acknowledged)) <= 1


def test_a_taken_port_is_named(own_office: PostOffice, tmp_path: Path) -> None:
    other = PostOffice(tmp_path / "other")
    other.smtp_port = own_office.smtp_port
    second = subprocess.run(other.command(), capture_output=True, text=True, timeout=10, check=False)
    assert second.returncode == 1
    assert f"cannot listen on 127.0.0.1:{own_office.smtp_port}" in second.stderr
