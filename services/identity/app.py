"""What identity is made of."""

import argparse
from contextlib import suppress

from pydantic import Field

from services.chassis.bus import Bus
from services.chassis.clients import Neighbour
from services.chassis.db import Database
from services.chassis.run import App
from services.chassis.settings import ServiceSettings
from services.identity import api, commands, queries
from services.identity.adapters.common_passwords import common_passwords
from services.identity.adapters.letter_carrier import LetterCarrier
from services.identity.adapters.messaging import MessagingPost
from services.identity.adapters.oidc import Configured, OidcProviders
from services.identity.adapters.passwords import Argon2Hasher
from services.identity.adapters.postgres import PostgresStore
from services.identity.adapters.sealing import FernetSealer
from services.identity.adapters.tokens import JwtIssuer
from services.identity.adapters.totp import TotpCodes
from services.identity.consumers import Consumers
from services.identity.domain.errors import EmailTaken
from services.identity.domain.user import Role
from services.kernel.clock import system_clock
from services.kernel.requests import RequestKey


class Settings(ServiceSettings):
    signing_key: str = Field(description="path of the PEM file with the Ed25519 key that signs access tokens")
    published_keys: str = Field(default="", description="paths of PEM files of the keys before and after it, by commas")
    oidc_providers: list[Configured] = Field(default=[], description="JSON: who else may say who a user is")
    sealing_keys: str = Field(
        description="path of a file of Fernet keys, one per line: the first encrypts secrets at rest"
    )


def build(settings: Settings) -> App:
    database = Database(settings.database_writer_url, settings.database_reader_url)
    store, rows = PostgresStore(database.writer), database.reader
    hasher, common, sealer = Argon2Hasher(), common_passwords(), FernetSealer.from_file(settings.sealing_keys)
    published = [path for path in settings.published_keys.split(",") if path]
    issuer = JwtIssuer.from_files(settings.signing_key, published, settings.token_issuer, settings.token_audience)
    codes = TotpCodes(sealer)
    files = {"cert": settings.tls_cert, "key": settings.tls_key, "ca": settings.tls_ca}
    messaging = Neighbour("messaging", settings.peer("messaging"), **files)
    providers = OidcProviders(settings.oidc_providers, settings.public_url)
    post = MessagingPost(messaging, settings.public_url)
    carrier = LetterCarrier(lambda: commands.deliver_next_letter(store, sealer, post, system_clock))

    def seed_user(arguments: list[str]) -> None:
        """Makes sure that a user exists and holds a role; for operators and the demo."""
        parser = argparse.ArgumentParser(prog="seed-user", description=seed_user.__doc__)
        for name in ("email", "password", "name"):
            parser.add_argument(f"--{name}", required=True)
        parser.add_argument("--username", default="")
        parser.add_argument("--role", type=Role, action="append", choices=list(Role), default=[])
        wanted = parser.parse_args(arguments)
        no_key = RequestKey("operator", "seed-user", "", b"")
        command = commands.Register(wanted.email, wanted.name, wanted.username, no_key, wanted.password)
        with suppress(EmailTaken):
            commands.register(command, store, hasher, common, system_clock)
        for role in wanted.role:
            commands.grant_role(commands.GrantRole(wanted.email, role), store, system_clock)

    def verify_audit(_: list[str]) -> None:
        """Says whether the audit log is whole; ends with 1 and the number where it is not."""
        broken_at = queries.check_audit_log(queries.CheckAuditLog(), rows)
        if broken_at is not None:
            raise SystemExit(f"the audit log is broken at number {broken_at}")

    return App(
        name="identity",
        settings=settings,
        database=database,
        bus=Bus(settings.nats_url, "identity"),
        servicers=[
            api.AuthService(store, hasher, common, codes, issuer, system_clock),
            api.SecondFactorService(store, rows, hasher, codes, system_clock),
            api.ApiKeyService(store, rows, hasher, issuer, system_clock),
            api.SessionService(store, rows, system_clock),
            api.CredentialService(store, hasher, common, sealer, system_clock),
            api.AdminUserService(store, rows, system_clock),
            api.InstructorApplicationService(store, rows, system_clock),
            api.AuditService(rows),
            api.PreferenceService(store, rows),
            api.ErasureService(store, rows, hasher, system_clock),
            api.OAuthService(store, rows, hasher, providers, sealer, issuer, system_clock, settings.public_url),
            api.ProfileService(store, rows, system_clock),
            api.KeyService(issuer),
            api.IdentityInternalService(store, rows, system_clock),
        ],
        commands=commands,
        queries=queries,
        fetch_keys=issuer.key_set,
        subscriptions=Consumers(store, system_clock).subscriptions,
        starting=[carrier.start],
        closing=[carrier.stop, messaging.close, providers.close],
        tasks={"seed-user": seed_user, "verify-audit": verify_audit},
    )
