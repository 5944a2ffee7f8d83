"""API keys: made, exchanged for access tokens, revoked."""

from dataclasses import dataclass, field
from datetime import datetime

from services.identity.commands.proof import proven
from services.identity.domain.api_key import MOST_KEYS, ApiKey
from services.identity.domain.errors import ApiKeyInvalid, ApiKeyNotFound, TooManyApiKeys, UserBlocked
from services.identity.domain.secret import new_secret, secret_hash
from services.identity.domain.user import Role, existing
from services.identity.ports import AccessToken, PasswordHasher, Store, TokenIssuer, Tx
from services.kernel.clock import Clock
from services.kernel.ids import new_id


@dataclass(frozen=True)
class MadeApiKey:
    api_key: ApiKey
    key: str = field(repr=False)


@dataclass(frozen=True)
class CreateApiKey:
    user_id: str
    name: str
    scopes: frozenset[Role]
    password: str = field(repr=False)


def create_api_key(command: CreateApiKey, store: Store, hasher: PasswordHasher, clock: Clock) -> MadeApiKey:
    now = clock()
    proven(command.user_id, command.password, store, hasher, now)
    key = new_secret()
    with store.begin() as tx:
        user = existing(tx.users.hold(command.user_id))
        api_key = ApiKey.create(new_id(), user, command.name, command.scopes, now)
        if len(tx.api_keys.hold_living(user.id)) >= MOST_KEYS:
            raise TooManyApiKeys
        tx.api_keys.add(api_key, secret_hash(key))
    return MadeApiKey(api_key, key)


@dataclass(frozen=True)
class RevokeApiKey:
    user_id: str
    api_key_id: str


def revoke_api_key(command: RevokeApiKey, store: Store, clock: Clock) -> None:
    with store.begin() as tx:
        api_key = tx.api_keys.hold(command.api_key_id)
        if api_key is None or api_key.user_id != command.user_id:
            raise ApiKeyNotFound
        if api_key.revoked_at is None:
            api_key.revoke(clock())
            tx.api_keys.save(api_key)


@dataclass(frozen=True)
class ExchangeApiKey:
    key: str = field(repr=False)


def exchange_api_key(command: ExchangeApiKey, store: Store, issuer: TokenIssuer, clock: Clock) -> AccessToken:
    now = clock()
    with store.begin() as tx:
        found = tx.api_keys.by_hash(secret_hash(command.key))
        # The user before the key, in the order of everyone who holds both.
        user = tx.users.hold(found.user_id) if found else None
        api_key = tx.api_keys.hold(found.id) if found else None
        if user is None or api_key is None:
            raise ApiKeyInvalid
        if user.blocked_at is not None:
            raise UserBlocked
        api_key.use(now)
        tx.api_keys.save(api_key)
    return issuer.api_key_token(user, api_key, now)


def revoke_keys(tx: Tx, user_id: str, now: datetime) -> None:
    """Ends all keys of a user, whose row is held."""
    for api_key in tx.api_keys.hold_living(user_id):
        api_key.revoke(now)
        tx.api_keys.save(api_key)
