"""A database with the chassis' tables and one of a service's own, emptied for every test."""

from collections.abc import Iterator
from enum import Enum

import psycopg
import pytest
import sqlalchemy as sa

from deploy.local.postgres import Postgres
from services.chassis import tables
from services.chassis.db import Database
from services.chassis.driver import connector


class State(Enum):
    DRAFT = "draft"
    LIVE = "live"


OWN = sa.MetaData()
courses = sa.Table(
    "courses",
    OWN,
    sa.Column("id", sa.Uuid(as_uuid=False), primary_key=True),
    sa.Column("slug", sa.Text, nullable=False, unique=True),
    sa.Column("state", sa.Enum(State, native_enum=False, values_callable=lambda state: [s.value for s in state])),
    sa.Column("facts", sa.JSON),
    sa.Column("changed_at", sa.DateTime(timezone=True), server_default=sa.func.now()),
    sa.Column("version", sa.BigInteger, nullable=False, server_default="1"),
)


class Urls:
    """One database's addresses by role."""

    def __init__(self, postgres: Postgres, service: str) -> None:
        postgres.ensure_service(service)
        self.owner, self.writer, self.reader = (
            postgres.url(f"campus_{service}", f"{service}_{role}") for role in ("owner", "writer", "reader")
        )


def filled(postgres: Postgres, service: str) -> Urls:
    """A service's database with fresh tables."""
    urls = Urls(postgres, service)
    engine = sa.create_engine("postgresql+psycopg://", creator=connector(urls.owner, "test"))
    for metadata in (tables.METADATA, OWN):
        metadata.drop_all(engine)
        metadata.create_all(engine)
    engine.dispose()
    return urls


@pytest.fixture
def urls(postgres: Postgres) -> Urls:
    return filled(postgres, "chassis")


@pytest.fixture
def database(urls: Urls) -> Iterator[Database]:
    opened = Database(urls.writer, urls.reader, writers=16)
    yield opened
    opened.close()


@pytest.fixture
def owner(urls: Urls) -> Iterator[psycopg.Connection[tuple[object, ...]]]:
    """A look past the code under test, in autocommit."""
    with psycopg.connect(urls.owner, autocommit=True) as connection:
        yield connection
