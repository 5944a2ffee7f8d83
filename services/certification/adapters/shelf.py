"""Documents for those who read: fetched, and made on the spot where the worker hasn't come to them yet."""

from services.certification import commands
from services.certification.domain.document import Document, DocumentDamaged
from services.certification.ports import Archive, Press, Store
from services.kernel.clock import Clock


class PrintingShelf:
    def __init__(self, store: Store, press: Press, archive: Archive, clock: Clock) -> None:
        self._store, self._press, self._archive, self._clock = store, press, archive, clock

    def document(self, certificate_id: str) -> Document:
        command = commands.PrintDocument(certificate_id)
        return commands.print_document(command, self._store, self._press, self._archive, self._clock)

    def fetch(self, document: Document) -> bytes:
        data = self._archive.fetch(document.object_name)
        if not document.holds(data):
            raise DocumentDamaged(document.object_name)
        return data
