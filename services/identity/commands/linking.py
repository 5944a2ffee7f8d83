"""Sign-in by other parties, under rules that never let one person into another's account."""

import base64
import hashlib
import json
from dataclasses import dataclass, field, replace
from datetime import datetime

from services.identity.commands.proof import proven
from services.identity.commands.sessions import OpenSession, open_session
from services.identity.domain.errors import (
    AccountLinked,
    LastCredential,
    LinkedAccountNotFound,
    OauthDenied,
    OauthFlowInvalid,
)
from services.identity.domain.linking import Flow, LinkedAccount, Vouched, refuse_unproven
from services.identity.domain.secret import new_secret, secret_hash
from services.identity.domain.user import User, existing
from services.identity.ports import PasswordHasher, Providers, Sealer, Store, TokenIssuer, Tx
from services.kernel.clock import Clock
from services.kernel.ids import new_id


@dataclass(frozen=True)
class BegunFlow:
    url: str
    secret: str = field(repr=False)


@dataclass(frozen=True)
class StartOAuth:
    provider: str


def start_oauth(command: StartOAuth, store: Store, providers: Providers, sealer: Sealer, clock: Clock) -> BegunFlow:
    return _begin(command.provider, "", store, providers, sealer, clock)


@dataclass(frozen=True)
class StartLinking:
    user_id: str
    provider: str
    password: str = field(repr=False)


def start_linking(
    command: StartLinking,
    store: Store,
    hasher: PasswordHasher,
    providers: Providers,
    sealer: Sealer,
    clock: Clock,
) -> BegunFlow:
    proven(command.user_id, command.password, store, hasher, clock())
    return _begin(command.provider, command.user_id, store, providers, sealer, clock)


def _begin(provider: str, user_id: str, store: Store, providers: Providers, sealer: Sealer, clock: Clock) -> BegunFlow:
    state, secret, nonce, verifier = (new_secret() for _ in range(4))
    digest = hashlib.sha256(verifier.encode()).digest()
    challenge = base64.urlsafe_b64encode(digest).decode().rstrip("=")
    url = providers.named(provider).authorization_url(state, nonce, challenge)
    sealed = sealer.seal(json.dumps([nonce, verifier]))
    with store.begin() as tx:
        tx.flows.add(Flow(secret_hash(state), provider, secret_hash(secret), sealed, clock(), user_id))
    return BegunFlow(url, secret)


@dataclass(frozen=True)
class FinishOAuth:
    provider: str
    code: str = field(repr=False)
    state: str = field(repr=False)
    secret: str = field(repr=False)
    issuer: str
    error: str
    device: str = ""


def finish_oauth(
    command: FinishOAuth, store: Store, providers: Providers, sealer: Sealer, issuer: TokenIssuer, clock: Clock
) -> OpenSession:
    now = clock()
    provider = providers.named(command.provider)
    with store.begin() as tx:
        # Committed whatever follows: a flow is good once.
        flow = tx.flows.take(secret_hash(command.state))
    if flow is None or not flow.admits(command.provider, secret_hash(command.secret), now):
        raise OauthFlowInvalid
    if command.error or not command.code:
        raise OauthDenied
    nonce, verifier = json.loads(sealer.open(flow.sealed))
    vouched = provider.vouch(command.code, verifier, nonce, command.issuer)
    with store.begin() as tx:
        user = _linked_user(tx, flow, vouched, sealer, now)
        return open_session(tx, user, issuer, now, command.device)


def _linked_user(tx: Tx, flow: Flow, vouched: Vouched, sealer: Sealer, now: datetime) -> User:
    account = tx.linked.by_subject(flow.provider, vouched.subject)
    if account is None:
        user = existing(tx.users.hold(flow.user_id)) if flow.user_id else _user_of(tx, vouched, now)
        tx.linked.add(_account(user.id, flow.provider, vouched, sealer, now))
        return user
    if flow.user_id not in ("", account.user_id):
        raise AccountLinked
    # A provider gives a refresh token with the first consent only.
    renewed = _account(account.user_id, flow.provider, vouched, sealer, now)
    kept = renewed.refresh_token if vouched.refresh_token else account.refresh_token
    tx.linked.keep_tokens(replace(account, access_token=renewed.access_token, refresh_token=kept))
    return existing(tx.users.hold(account.user_id))


def _user_of(tx: Tx, vouched: Vouched, now: datetime) -> User:
    """The user who proved the same address here, or a new one."""
    local = tx.users.by_identifier(vouched.email) if vouched.email else None
    refuse_unproven(vouched, local)
    if local is not None:
        return existing(tx.users.hold(local.id))
    name = "".join(filter(str.isprintable, vouched.name)).strip() or vouched.email.partition("@")[0]
    user = User.register(new_id(), email=vouched.email, username="", name=name[:100], password_hash="", now=now)
    user.email_verified_at = now
    tx.users.add(user)
    return user


def _account(user_id: str, provider: str, vouched: Vouched, sealer: Sealer, now: datetime) -> LinkedAccount:
    access, refresh = sealer.seal(vouched.access_token), sealer.seal(vouched.refresh_token)
    return LinkedAccount(new_id(), user_id, provider, vouched.subject, access, refresh, now)


@dataclass(frozen=True)
class UnlinkAccount:
    user_id: str
    account_id: str


def unlink_account(command: UnlinkAccount, store: Store) -> None:
    with store.begin() as tx:
        # Held: of two links removed at once the second finds that it is the last.
        user = tx.users.hold(command.user_id)
        links = tx.linked.of_user(command.user_id)
        if user is None or command.account_id not in {each.id for each in links}:
            raise LinkedAccountNotFound
        if not user.password_hash and len(links) == 1:
            raise LastCredential
        tx.linked.remove(command.account_id)
