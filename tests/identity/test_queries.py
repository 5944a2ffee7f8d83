"""The read side: real SQL by the role that only reads, on the schema that the migrations make."""

import pytest

from deploy.local.postgres import Postgres
from services.chassis import tables as chassis_tables
from services.chassis.db import Database
from services.chassis.migrate import differences
from services.identity import queries, tables
from services.identity.adapters.postgres import PostgresStore
from services.identity.domain.errors import UserNotFound
from services.identity.domain.user import User
from services.kernel.ids import new_id
from tests.harness.databases import announced, owner_url
from tests.identity.conftest import START


def stored(database: Database, name: str) -> User:
    user = User.register(
        new_id(), email=f"{name}@example.com", username=name, name=name, password_hash="secret", now=START
    )
    with PostgresStore(database.writer).begin() as tx:
        tx.users.add(user)
    return user


def test_the_tables_are_what_the_migrations_make(database: Database, postgres: Postgres) -> None:
    metadata = [chassis_tables.METADATA, tables.METADATA]
    assert differences(metadata, owner_url(postgres, "identity")) == []


def test_a_profile_is_shown_without_the_password_hash(database: Database) -> None:
    ada = stored(database, "ada")
    row = queries.get_profile(queries.GetProfile(ada.id), database.reader)
    assert (row.id, row.email, row.roles, row.created_at) == (ada.id, "ada@example.com", ["student"], START)
    assert "secret" not in repr(row)
    assert announced(database) == ["UserRegistered"]


def test_an_unknown_user_is_not_found(database: Database) -> None:
    with pytest.raises(UserNotFound):
        queries.get_profile(queries.GetProfile(new_id()), database.reader)


def test_users_are_fetched_together_and_unknown_ones_left_out(database: Database) -> None:
    ada, bob = stored(database, "ada"), stored(database, "bob")
    wanted = queries.BatchGetUsers((ada.id, bob.id, new_id()))
    assert {row.id for row in queries.batch_get_users(wanted, database.reader)} == {ada.id, bob.id}
