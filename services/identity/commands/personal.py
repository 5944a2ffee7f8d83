"""What users decide about themselves: how they are spoken to, and that they are gone."""

from dataclasses import dataclass, field

from services.identity.commands.api_keys import revoke_keys
from services.identity.commands.proof import proven
from services.identity.commands.sessions import end_sessions
from services.identity.domain.audit import Deed
from services.identity.domain.erasure import Erasure
from services.identity.domain.errors import ErasureNotFound
from services.identity.domain.preferences import Preferences
from services.identity.domain.user import existing
from services.identity.ports import PasswordHasher, Store
from services.kernel.clock import Clock
from services.kernel.ids import new_id


@dataclass(frozen=True)
class UpdatePreferences:
    user_id: str
    language: str | None = None
    time_zone: str | None = None
    email_notifications: bool | None = None
    in_app_notifications: bool | None = None


def update_preferences(command: UpdatePreferences, store: Store) -> Preferences:
    with store.begin() as tx:
        user = existing(tx.users.hold(command.user_id))
        preferences = tx.preferences.of_user(user.id)
        preferences.update(
            language=command.language,
            time_zone=command.time_zone,
            email_notifications=command.email_notifications,
            in_app_notifications=command.in_app_notifications,
        )
        tx.preferences.save(preferences)
    return preferences


@dataclass(frozen=True)
class DeleteProfile:
    user_id: str
    password: str = field(repr=False)


def delete_profile(command: DeleteProfile, store: Store, hasher: PasswordHasher, clock: Clock) -> Erasure:
    now = clock()
    proven(command.user_id, command.password, store, hasher, now)
    erasure = Erasure.request(new_id(), command.user_id, now)
    with store.begin() as tx:
        user = existing(tx.users.hold(command.user_id))
        user.erase(now)
        tx.users.save(user)
        end_sessions(tx, user.id, now)
        revoke_keys(tx, user.id, now)
        tx.erasures.forget(user.id)
        tx.erasures.add(erasure)
        tx.audit.append(Deed(f"user:{user.id}", "DeleteProfile", user.id, {}, {"erasure_id": erasure.id}, now))
    return erasure


@dataclass(frozen=True)
class ConfirmErasure:
    erasure_id: str
    service: str


def confirm_erasure(command: ConfirmErasure, store: Store, clock: Clock) -> None:
    with store.begin() as tx:
        if tx.erasures.get(command.erasure_id) is None:
            raise ErasureNotFound
        tx.erasures.confirm(command.erasure_id, command.service, clock())
