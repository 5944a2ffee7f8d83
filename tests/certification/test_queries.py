"""The reads, as the role that only reads, on the tables that the migrations make."""

import psycopg
import pytest

from deploy.local.postgres import Postgres
from services.certification import queries, tables
from services.certification.adapters.postgres import PostgresStore
from services.certification.adapters.shelf import PrintingShelf
from services.certification.domain.code import new_code
from services.certification.domain.errors import CertificateNotFound
from services.chassis import tables as chassis_tables
from services.chassis.db import Database
from services.chassis.migrate import differences
from services.kernel.errors import PageTokenInvalid
from services.kernel.ids import new_id
from tests.certification.conftest import START, FakeArchive, FakeClock, FakePress, added, certificate
from tests.harness.databases import owner_url

STUDENT = frozenset({"student"})


@pytest.fixture
def store(database: Database) -> PostgresStore:
    return PostgresStore(database.writer)


def test_the_tables_are_what_the_migrations_make(database: Database, postgres: Postgres) -> None:
    metadata = [chassis_tables.METADATA, tables.METADATA]
    assert differences(metadata, owner_url(postgres, "certification")) == []


def test_a_certificate_is_shown_to_its_holder_and_to_admins(database: Database, store: PostgresStore) -> None:
    made = added(store, certificate())
    for user_id, roles in ((made.user_id, STUDENT), (new_id(), frozenset({"admin"}))):
        row = queries.get_certificate(queries.GetCertificate(user_id, roles, made.id), database.reader)
        assert (row.id, row.user_id, row.code, row.state, row.issued_at) == (
            made.id,
            made.user_id,
            made.code,
            "issued",
            START,
        )
    for user_id, certificate_id in ((new_id(), made.id), (made.user_id, new_id())):
        with pytest.raises(CertificateNotFound):
            queries.get_certificate(queries.GetCertificate(user_id, STUDENT, certificate_id), database.reader)


def test_certificates_are_listed_newest_first_in_pages(database: Database, store: PostgresStore) -> None:
    user_id = new_id()
    made = [added(store, certificate(user_id)).id for _ in range(5)]
    added(store, certificate())
    seen, token = list[str](), ""
    for size in (2, 2, 1):
        page = queries.list_my_certificates(queries.ListMyCertificates(user_id, 2, token), database.reader)
        assert len(page.rows) == size
        seen += [row.id for row in page.rows]
        token = page.next_token
    assert (seen, token) == (sorted(made, reverse=True), "")


def test_a_page_token_of_someone_else_is_refused(database: Database, store: PostgresStore) -> None:
    user_id = new_id()
    for _ in range(2):
        added(store, certificate(user_id))
    token = queries.list_my_certificates(queries.ListMyCertificates(user_id, 1, ""), database.reader).next_token
    with pytest.raises(PageTokenInvalid):
        queries.list_my_certificates(queries.ListMyCertificates(new_id(), 1, token), database.reader)


def test_a_code_is_found_through_its_hash_index(database: Database, store: PostgresStore, postgres: Postgres) -> None:
    made = added(store, certificate())
    assert queries.verify_certificate(queries.VerifyCertificate(made.code.lower()), database.reader).id == made.id
    assert queries.get_verification_page(queries.GetVerificationPage(made.code), database.reader) is not None
    assert queries.get_verification_page(queries.GetVerificationPage(new_code()), database.reader) is None
    for typed in (new_code(), "nonsense"):
        with pytest.raises(CertificateNotFound) as refusal:
            queries.verify_certificate(queries.VerifyCertificate(typed), database.reader)
        assert refusal.value.metadata == {"code": typed}
    with psycopg.connect(owner_url(postgres, "certification")) as owner:
        owner.execute("SET enable_seqscan = off")
        plan = owner.execute(f"EXPLAIN SELECT id FROM certificates WHERE code = '{made.code}'".encode()).fetchall()
        kinds = "SELECT am.amname FROM pg_class c JOIN pg_am am ON am.oid = c.relam"
        kind = owner.execute(f"{kinds} WHERE c.relname = 'certificates_code_excl'".encode()).fetchone()
    assert "certificates_code_excl" in str(plan)
    assert kind == ("hash",)


def test_only_the_holder_downloads(database: Database, store: PostgresStore, press: FakePress) -> None:
    made, archive = added(store, certificate(title="Engines")), FakeArchive()
    shelf = PrintingShelf(store, press, archive, FakeClock())
    for _ in range(2):
        mine = queries.DownloadCertificate(made.user_id, made.id)
        found = queries.download_certificate(mine, database.reader, shelf)
        assert (found.file_name, found.data) == ("Certificate - Engines.pdf", FakePress().printed(made))
    assert press.prints == 1
    with pytest.raises(CertificateNotFound):
        queries.download_certificate(queries.DownloadCertificate(new_id(), made.id), database.reader, shelf)
