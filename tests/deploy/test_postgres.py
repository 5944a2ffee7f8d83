"""The embedded PostgreSQL does what the services are promised."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from psycopg import errors

from deploy.local.postgres import Postgres


@pytest.fixture(scope="module")
def billing(postgres: Postgres) -> Iterator[Postgres]:
    postgres.ensure_service("roles_test")
    with psycopg.connect(postgres.url("campus_roles_test", "roles_test_owner")) as owner:
        owner.execute("CREATE TABLE payment (id bigserial PRIMARY KEY, code citext, vec vector(3))")
        owner.execute("CREATE SCHEMA ledger")
        owner.execute("CREATE TABLE ledger.entry (id bigserial PRIMARY KEY)")
    yield postgres
    postgres.drop_service("roles_test")


def connect(server: Postgres, kind: str) -> psycopg.Connection[tuple[object, ...]]:
    return psycopg.connect(server.url("campus_roles_test", f"roles_test_{kind}"), autocommit=True)


def test_the_writer_changes_rows_of_tables_the_owner_makes_later(billing: Postgres) -> None:
    with connect(billing, "writer") as writer:
        writer.execute("INSERT INTO payment (code) VALUES ('A')")
        writer.execute("UPDATE payment SET code = 'B' WHERE code = 'a'")
        writer.execute("INSERT INTO ledger.entry DEFAULT VALUES")
        assert writer.execute("DELETE FROM payment RETURNING code").fetchall() == [("B",)]


def test_the_writer_cannot_change_the_schema(billing: Postgres) -> None:
    with connect(billing, "writer") as writer:
        with pytest.raises(errors.InsufficientPrivilege):
            writer.execute("CREATE TABLE stray (id int)")
        with pytest.raises(errors.InsufficientPrivilege):
            writer.execute("DROP TABLE payment")
        with pytest.raises(errors.InsufficientPrivilege):
            writer.execute("TRUNCATE payment")


def test_the_reader_reads_and_nothing_else(billing: Postgres) -> None:
    with connect(billing, "reader") as reader:
        assert reader.execute("SELECT count(*) FROM payment").fetchone() == (0,)
        assert reader.execute("SELECT count(*) FROM ledger.entry").fetchone() is not None
        with pytest.raises(errors.ReadOnlySqlTransaction):
            reader.execute("INSERT INTO payment (code) VALUES ('A')")
        reader.execute("SET default_transaction_read_only = off")
        with pytest.raises(errors.InsufficientPrivilege):
            reader.execute("INSERT INTO payment (code) VALUES ('A')")


def test_a_role_of_one_service_cannot_enter_the_database_of_another(billing: Postgres) -> None:
    billing.ensure_service("neighbour_test")
    with pytest.raises(psycopg.OperationalError, match="permission denied"):
        psycopg.connect(billing.url("campus_neighbour_test", "roles_test_writer"))
    billing.drop_service("neighbour_test")


def test_a_wrong_password_is_refused(billing: Postgres) -> None:
    url = f"postgresql://roles_test_writer:wrong@127.0.0.1:{billing.port}/campus_roles_test"
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(url)


@pytest.mark.parametrize("mode", [0o755, 0o700], ids=["open folder", "folder closed to others"])
def test_data_and_port_survive_a_stop_and_a_crash(mode: int) -> None:
    with tempfile.TemporaryDirectory(prefix="campus-") as folder:
        Path(folder).chmod(mode)
        server = Postgres(Path(folder) / "pg").start()
        try:
            server.ensure_service("kept")
            url = server.url("campus_kept", "kept_owner")
            with psycopg.connect(url, autocommit=True) as connection:
                assert connection.execute("SHOW synchronous_commit").fetchone() == ("on",)
                connection.execute("CREATE TABLE kept AS SELECT 1 AS one")
                server.kill()
            again = Postgres(Path(folder) / "pg", server.port).start()
            again.ensure_service("kept")
            with psycopg.connect(url) as connection:
                assert connection.execute("SELECT one FROM kept").fetchall() == [(1,)]
            again.stop()
            with psycopg.connect(again.start().url("campus_kept", "kept_reader")) as connection:
                assert connection.execute("SELECT one FROM kept").fetchall() == [(1,)]
            again.stop()
        finally:
            server.clear()


def test_stopping_does_not_wait_for_clients() -> None:
    with tempfile.TemporaryDirectory(prefix="campus-") as folder:
        Path(folder).chmod(0o755)
        server = Postgres(Path(folder) / "pg").start()
        with psycopg.connect(server.admin_url()) as idle:
            child = server.child
            assert child.stop(patience_seconds=5)
            assert child.exit_code == 0
            with pytest.raises(psycopg.OperationalError):
                idle.execute("SELECT 1")
        server.clear()
