"""Proof that it is really the user, before what a stolen session must not do."""

from datetime import datetime

from services.identity.commands.limits import admit
from services.identity.domain.errors import CurrentPasswordWrong
from services.identity.domain.throttle import password_limit
from services.identity.domain.user import User, existing
from services.identity.ports import PasswordHasher, Store


def proven(
    user_id: str, password: str, store: Store, hasher: PasswordHasher, now: datetime, field: str = "password"
) -> User:
    """The user, if this is their password. Guesses are counted: a stolen session is no way to the password."""
    limit = password_limit(user_id)
    with store.begin() as tx:
        user = existing(tx.users.get(user_id))
        throttled = admit(tx, [limit], now)
    if throttled:
        raise throttled
    if not hasher.matches(password, user.password_hash):
        raise CurrentPasswordWrong(field=field)
    with store.begin() as tx:
        tx.attempts.clear(limit)
    return user
