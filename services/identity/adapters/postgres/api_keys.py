"""API keys in PostgreSQL."""

from typing import Any

from sqlalchemy import Row, Select, insert, select

from services.chassis.db import Work
from services.identity.adapters.postgres.announcing import announce
from services.identity.domain.api_key import ApiKey
from services.identity.domain.user import Role
from services.identity.tables import api_keys


class PostgresApiKeys:
    def __init__(self, work: Work) -> None:
        self._work = work

    def hold(self, api_key_id: str) -> ApiKey | None:
        return self._one(select(api_keys).where(api_keys.c.id == api_key_id).with_for_update())

    def by_hash(self, key_hash: str) -> ApiKey | None:
        return self._one(select(api_keys).where(api_keys.c.key_hash == key_hash))

    def hold_living(self, user_id: str) -> list[ApiKey]:
        living = select(api_keys).where(api_keys.c.user_id == user_id, api_keys.c.revoked_at.is_(None))
        return [_key(row) for row in self._work.execute(living.order_by(api_keys.c.id).with_for_update())]

    def add(self, api_key: ApiKey, key_hash: str) -> None:
        api_key.version = 1
        row = {"id": api_key.id, "version": 1, "key_hash": key_hash, "user_id": api_key.user_id}
        row |= {"name": api_key.name, "scopes": sorted(api_key.scopes), "created_at": api_key.created_at}
        self._work.execute(insert(api_keys).values(row))

    def save(self, api_key: ApiKey) -> None:
        values = {"last_used_at": api_key.last_used_at, "revoked_at": api_key.revoked_at}
        self._work.update_version(api_keys, api_key.id, api_key.version, values)
        api_key.version += 1
        announce(self._work, api_key)

    def _one(self, which: Select[Any]) -> ApiKey | None:
        row = self._work.execute(which).first()
        return _key(row) if row else None


def _key(row: Row[Any]) -> ApiKey:
    kept = {name: value for name, value in row._mapping.items() if name != "key_hash"}
    return ApiKey(**(kept | {"scopes": frozenset(map(Role, row.scopes))}))
