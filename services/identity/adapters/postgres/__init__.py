"""The store in PostgreSQL."""

from collections.abc import Iterator
from contextlib import contextmanager

from services.chassis.db import Work, Writer
from services.identity.adapters.postgres.api_keys import PostgresApiKeys
from services.identity.adapters.postgres.applications import PostgresApplications
from services.identity.adapters.postgres.audit import PostgresAuditLog
from services.identity.adapters.postgres.erasures import PostgresErasures
from services.identity.adapters.postgres.linking import PostgresFlows, PostgresLinkedAccounts
from services.identity.adapters.postgres.mail import PostgresLetters, PostgresMailTokens
from services.identity.adapters.postgres.preferences import PostgresPreferences
from services.identity.adapters.postgres.second_factors import PostgresSecondFactors
from services.identity.adapters.postgres.sessions import PostgresSessions
from services.identity.adapters.postgres.signing_in import PostgresAttempts, PostgresDevices
from services.identity.adapters.postgres.users import PostgresUsers
from services.kernel.requests import RequestLog


class PostgresStore:
    def __init__(self, writer: Writer) -> None:
        self._writer = writer

    @contextmanager
    def begin(self) -> Iterator["PostgresTx"]:
        with self._writer.begin() as work:
            yield PostgresTx(work)


class PostgresTx:
    def __init__(self, work: Work) -> None:
        self.users = PostgresUsers(work)
        self.sessions = PostgresSessions(work)
        self.devices = PostgresDevices(work)
        self.attempts = PostgresAttempts(work)
        self.mail_tokens = PostgresMailTokens(work)
        self.letters = PostgresLetters(work)
        self.applications = PostgresApplications(work)
        self.preferences = PostgresPreferences(work)
        self.erasures = PostgresErasures(work)
        self.flows = PostgresFlows(work)
        self.linked = PostgresLinkedAccounts(work)
        self.second_factors = PostgresSecondFactors(work)
        self.api_keys = PostgresApiKeys(work)
        self.audit = PostgresAuditLog(work)
        self.requests: RequestLog = work.requests
