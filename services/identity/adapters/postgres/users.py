"""Accounts in PostgreSQL."""

from typing import Any

from sqlalchemy import Row, or_, select
from sqlalchemy.dialects import postgresql

from services.chassis.db import Work
from services.chassis.driver import ConstraintBroken
from services.identity.adapters.postgres.announcing import announce
from services.identity.domain.errors import EmailTaken, PhoneTaken, UsernameTaken
from services.identity.domain.user import Role, User, folded
from services.identity.tables import users


class PostgresUsers:
    def __init__(self, work: Work) -> None:
        self._work = work

    def get(self, user_id: str) -> User | None:
        return _user(self._work.execute(select(users).where(users.c.id == user_id)).first())

    def hold(self, user_id: str) -> User | None:
        return _user(self._work.execute(select(users).where(users.c.id == user_id).with_for_update()).first())

    def by_identifier(self, identifier: str) -> User | None:
        wanted = folded(identifier)
        if not wanted:
            return None
        any_of_them = or_(
            users.c.email_folded == wanted, users.c.username_folded == wanted, users.c.phone_folded == wanted
        )
        return _user(self._work.execute(select(users).where(any_of_them)).first())

    def add(self, user: User) -> None:
        row = _values(user) | {"id": user.id, "version": 1, "created_at": user.created_at}
        added = postgresql.insert(users).values(row).on_conflict_do_nothing().returning(users.c.id)
        if self._work.execute(added).first() is None:
            raise self._taken(user)
        user.version = 1
        announce(self._work, user)

    def save(self, user: User) -> None:
        try:
            self._work.update_version(users, user.id, user.version, _values(user))
        except ConstraintBroken as broken:
            raise (
                PhoneTaken(field="phone") if "phone" in broken.constraint else UsernameTaken(field="username")
            ) from None
        user.version += 1
        announce(self._work, user)

    def _taken(self, user: User) -> EmailTaken | PhoneTaken | UsernameTaken:
        for column, value, taken in (
            (users.c.email_folded, user.email, EmailTaken()),
            (users.c.phone_folded, user.phone, PhoneTaken()),
        ):
            if value and self._work.execute(select(users.c.id).where(column == folded(value))).first():
                return taken
        return UsernameTaken()


def _values(user: User) -> dict[str, Any]:
    return {
        "email": user.email,
        "email_folded": folded(user.email) or None,
        "username": user.username,
        "username_folded": folded(user.username) or None,
        "name": user.name,
        "password_hash": user.password_hash,
        "roles": sorted(user.roles),
        "updated_at": user.updated_at,
        "phone": user.phone,
        "phone_folded": folded(user.phone) or None,
        "email_verified_at": user.email_verified_at,
        "blocked_at": user.blocked_at,
    }


def _user(row: Row[Any] | None) -> User | None:
    if row is None:
        return None
    kept = {name: value for name, value in row._mapping.items() if not name.endswith("_folded")}
    return User(**(kept | {"roles": frozenset(map(Role, row.roles))}))
