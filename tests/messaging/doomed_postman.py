"""A process that tries one delivery, for tests that end it in the middle: WRITER_URL SMTP_URL."""

import sys

from services.chassis.db import Writer
from services.kernel.clock import system_clock
from services.messaging import commands
from services.messaging.adapters.postgres import PostgresStore
from services.messaging.adapters.smtp import SmtpMailer
from services.messaging.domain.letter import Recipient


class Ada:
    """Everyone is Ada."""

    def find(self, user_id: str) -> Recipient | None:
        return Recipient("Ada", "ada@example.com")


if __name__ == "__main__":
    writer_url, smtp_url = sys.argv[1:]
    mailer = SmtpMailer(smtp_url, "no-reply@campus.test", system_clock)
    commands.deliver_next(PostgresStore(Writer(writer_url, 1)), Ada(), mailer, "http://localhost", system_clock)
