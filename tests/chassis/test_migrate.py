"""Migrations against a real PostgreSQL."""

import sys
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
import sqlalchemy as sa

from deploy.local.postgres import Postgres
from services.chassis import tables
from services.chassis.migrate import differences, migrate
from tests.chassis.conftest import Urls
from tests.chassis.test_db import together

FIRST = """
import sqlalchemy as sa
from alembic import op
from services.chassis.tables import create_chassis_tables

revision, down_revision = "0001", None

def upgrade():
    create_chassis_tables(op)
    op.create_table("things", sa.Column("id", sa.Text, primary_key=True))
"""
SECOND = """
import sqlalchemy as sa
from alembic import op

revision, down_revision = "0002", "0001"

def upgrade():
    op.add_column("things", sa.Column("title", sa.Text, nullable=False, server_default=""))
"""
BROKEN = """
from alembic import op

revision, down_revision = "0003", "0002"

def upgrade():
    op.drop_column("things", "title")
    op.execute("SELECT 1 / 0")
"""

OWN = sa.MetaData()
things = sa.Table(
    "things",
    OWN,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("title", sa.Text, nullable=False, server_default=""),
)


@pytest.fixture
def fresh(postgres: Postgres) -> Iterator[Urls]:
    yield Urls(postgres, "migrating")
    postgres.drop_service("migrating")


@pytest.fixture
def package(tmp_path: Path) -> Iterator[str]:
    name = f"sample_{tmp_path.name}".replace("-", "_")
    (tmp_path / name / "migrations" / "versions").mkdir(parents=True)
    (tmp_path / name / "__init__.py").touch()
    sys.path.insert(0, str(tmp_path))
    yield name
    sys.path.remove(str(tmp_path))


def put(package: str, number: str, text: str) -> None:
    (Path(sys.path[0]) / package / "migrations" / "versions" / f"{number}_step.py").write_text(text)


def test_two_that_migrate_at_once_both_find_the_schema_their_code_describes(fresh: Urls, package: str) -> None:
    put(package, "0001", FIRST)
    put(package, "0002", SECOND)
    assert together(4, lambda _: migrate(package, fresh.owner)) == [None] * 4
    assert differences([tables.METADATA, OWN], fresh.owner) == []


def test_what_is_there_stays_and_only_what_is_missing_is_done(fresh: Urls, package: str) -> None:
    put(package, "0001", FIRST)
    migrate(package, fresh.owner)
    with psycopg.connect(fresh.writer) as writer:
        writer.execute("INSERT INTO things VALUES ('kept')")
    assert differences([tables.METADATA, OWN], fresh.owner) != []
    put(package, "0002", SECOND)
    migrate(package, fresh.owner)
    with psycopg.connect(fresh.reader) as reader:
        assert reader.execute("SELECT id, title FROM things").fetchall() == [("kept", "")]


def test_a_migration_that_fails_changes_nothing(fresh: Urls, package: str) -> None:
    put(package, "0001", FIRST)
    put(package, "0002", SECOND)
    migrate(package, fresh.owner)
    put(package, "0003", BROKEN)
    with pytest.raises(sa.exc.DataError):
        migrate(package, fresh.owner)
    assert differences([tables.METADATA, OWN], fresh.owner) == []


def test_a_missing_index_is_a_difference(fresh: Urls, package: str) -> None:
    put(package, "0001", FIRST)
    put(package, "0002", SECOND)
    migrate(package, fresh.owner)
    with psycopg.connect(fresh.owner) as owner:
        owner.execute("DROP INDEX outbox_waiting_idx")
    assert [kind for kind, _ in differences([tables.METADATA, OWN], fresh.owner)] == ["add_index"]
