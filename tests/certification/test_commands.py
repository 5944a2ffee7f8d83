"""Issuing, printing, linking and revoking, on the store in memory and with a clock that stands still."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from hashlib import sha256

import pytest

from services.certification import commands
from services.certification.adapters.memory import MemoryStore
from services.certification.adapters.shelf import PrintingShelf
from services.certification.commands import CreateDownloadLink, GenerateCertificate, Issue, PrintDocument
from services.certification.domain.certificate import Certificate, CertificateIssued, Completion, State
from services.certification.domain.document import DocumentDamaged
from services.certification.domain.errors import CertificateNotFound, CourseNotCompleted, NotEntitled
from services.kernel.errors import DependencyUnavailable
from services.kernel.ids import new_id
from tests.certification.conftest import (
    DONE,
    START,
    FakeArchive,
    FakeClock,
    FakeNeighbours,
    FakePress,
    added,
    certificate,
)


def generate(store: MemoryStore, neighbours: FakeNeighbours, ids: tuple[str, str], clock: FakeClock) -> Certificate:
    return commands.generate_certificate(GenerateCertificate(*ids), store, neighbours, clock)


def test_a_certificate_is_made_of_name_and_title_as_they_are_now(
    memory: MemoryStore, neighbours: FakeNeighbours, clock: FakeClock
) -> None:
    ids = neighbours.completes("Ada  Lovelace", "Engi\u0308nes")
    made = generate(memory, neighbours, ids, clock)
    assert (made.holder_name, made.course_title) == ("Ada Lovelace", "Engïnes")
    assert (made.completed_at, made.issued_at, made.course_version, made.state) == (DONE, START, 3, State.ISSUED)
    neighbours.names[ids[0]] = "Ada King"
    asked = neighbours.asked
    assert generate(memory, neighbours, ids, clock) == made
    assert neighbours.asked == asked, "nobody is asked about what is decided"
    assert [type(event) for event in memory.state.announced] == [CertificateIssued]


def test_both_completion_and_entitlement_must_hold_now(
    memory: MemoryStore, neighbours: FakeNeighbours, clock: FakeClock
) -> None:
    ids = neighbours.completes()
    neighbours.entitled.clear()
    with pytest.raises(NotEntitled) as not_entitled:
        generate(memory, neighbours, ids, clock)
    assert not_entitled.value.metadata == {"course_id": ids[1]}
    neighbours.entitled.add(ids)
    neighbours.completions[ids] = Completion(None, new_id(), 3, 6_666, 1)
    with pytest.raises(CourseNotCompleted) as not_completed:
        generate(memory, neighbours, ids, clock)
    expected = {"course_id": ids[1], "progress_basis_points": "6666", "missing_lesson_count": "1"}
    assert not_completed.value.metadata == expected
    assert memory.state.certificates == {}
    assert memory.state.announced == []


def test_nothing_is_issued_while_a_neighbour_does_not_answer(
    memory: MemoryStore, neighbours: FakeNeighbours, clock: FakeClock
) -> None:
    ids = neighbours.completes()
    title = neighbours.titles.pop(ids[1])
    with pytest.raises(DependencyUnavailable):
        generate(memory, neighbours, ids, clock)
    assert memory.state.certificates == {}
    neighbours.titles[ids[1]] = title
    assert generate(memory, neighbours, ids, clock).course_title == title


def test_all_who_issue_at_once_get_the_one_certificate(
    memory: MemoryStore, neighbours: FakeNeighbours, clock: FakeClock
) -> None:
    ids = neighbours.completes()
    with ThreadPoolExecutor(8) as threads:
        futures = [threads.submit(commands.issue, Issue(*ids), memory, neighbours, clock) for _ in range(16)]
        assert len({future.result().code for future in futures}) == 1
    assert len(memory.state.announced) == 1


def test_what_is_due_is_printed_once_and_stored(
    memory: MemoryStore, press: FakePress, archive: FakeArchive, clock: FakeClock
) -> None:
    made = added(memory, certificate())
    assert commands.print_due(memory, press, archive, clock)
    assert not commands.print_due(memory, press, archive, clock)
    document = commands.print_document(PrintDocument(made.id), memory, press, archive, clock)
    assert press.prints == 1
    assert document.object_name == f"certificates/{made.id}.pdf"
    assert document.sha256 == sha256(archive.objects[document.object_name]).hexdigest()


def test_what_could_not_be_stored_is_due_again_when_the_lease_ends(
    memory: MemoryStore, press: FakePress, archive: FakeArchive, clock: FakeClock
) -> None:
    added(memory, certificate())
    archive.broken = True
    with pytest.raises(DependencyUnavailable):
        commands.print_due(memory, press, archive, clock)
    archive.broken = False
    assert not commands.print_due(memory, press, archive, clock), "someone else may be at it"
    clock.advance(commands.LEASE)
    assert commands.print_due(memory, press, archive, clock)
    assert len(archive.objects) == 1


def test_who_prints_again_after_a_crash_takes_what_was_stored_first(
    memory: MemoryStore, press: FakePress, archive: FakeArchive, clock: FakeClock
) -> None:
    """Even if a newer version of the program prints it differently."""
    made = added(memory, certificate())
    first = archive.keep(f"certificates/{made.id}.pdf", press.printed(made))
    press.ink = "of a later version"
    document = commands.print_document(PrintDocument(made.id), memory, press, archive, clock)
    assert document.sha256 == sha256(first).hexdigest()
    assert archive.objects == {document.object_name: first}


def test_a_certificate_that_is_not_there_is_not_printed(
    memory: MemoryStore, press: FakePress, archive: FakeArchive, clock: FakeClock
) -> None:
    with pytest.raises(CertificateNotFound):
        commands.print_document(PrintDocument(new_id()), memory, press, archive, clock)
    assert archive.objects == {}


def test_a_link_is_made_for_the_holder_and_lives_five_minutes(
    memory: MemoryStore, press: FakePress, archive: FakeArchive, clock: FakeClock
) -> None:
    made = added(memory, certificate(title="Engines"))
    shelf = PrintingShelf(memory, press, archive, clock)
    clock.advance(timedelta(seconds=1, microseconds=7))
    mine = CreateDownloadLink(made.user_id, made.id)
    link = commands.create_download_link(mine, memory, shelf, archive, clock)
    assert link.expires_at == START + timedelta(minutes=5, seconds=1)
    assert link.url == archive.link(f"certificates/{made.id}.pdf", "Certificate - Engines.pdf", link.expires_at)
    assert f"certificates/{made.id}.pdf" in archive.objects, "printed on the spot"
    for user_id, certificate_id in ((new_id(), made.id), (made.user_id, new_id())):
        with pytest.raises(CertificateNotFound):
            theirs = CreateDownloadLink(user_id, certificate_id)
            commands.create_download_link(theirs, memory, shelf, archive, clock)


def test_damaged_and_lost_documents_are_noticed(
    memory: MemoryStore, press: FakePress, archive: FakeArchive, clock: FakeClock
) -> None:
    made = added(memory, certificate())
    shelf = PrintingShelf(memory, press, archive, clock)
    document = shelf.document(made.id)
    assert shelf.fetch(document) == archive.objects[document.object_name]
    archive.objects[document.object_name] += b"!"
    with pytest.raises(DocumentDamaged):
        shelf.fetch(document)
    del archive.objects[document.object_name]
    with pytest.raises(DocumentDamaged):
        shelf.fetch(document)


def test_revoking_needs_a_certificate(memory: MemoryStore) -> None:
    made = added(memory, certificate())
    command = commands.RevokeCertificate(made.id)
    assert commands.revoke_certificate(command, memory).state is State.REVOKED
    assert commands.revoke_certificate(command, memory).state is State.REVOKED
    with pytest.raises(CertificateNotFound):
        commands.revoke_certificate(commands.RevokeCertificate(new_id()), memory)
