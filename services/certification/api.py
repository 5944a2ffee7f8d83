"""The gRPC servicers: message in, command or query out, message back."""

from collections.abc import Callable, Sequence

import grpc
from campus.certification.v1 import (
    certificate_service_pb2 as certificate_pb,
)
from campus.certification.v1 import (
    certificate_service_pb2_grpc,
    verification_service_pb2_grpc,
)
from campus.certification.v1 import (
    verification_service_pb2 as verification_pb,
)
from google.api import httpbody_pb2

from services.certification import commands, queries, wire
from services.certification.ports import Archive, Neighbours, Shelf, Store
from services.chassis.access import principal
from services.kernel.clock import Clock
from services.kernel.rows import Rows

Context = grpc.ServicerContext


class CertificateService(certificate_service_pb2_grpc.CertificateServiceServicer):
    def __init__(
        self,
        store: Store,
        rows: Rows,
        neighbours: Neighbours,
        shelf: Shelf,
        archive: Archive,
        issued: Callable[[], None],
        public_url: str,
        clock: Clock,
    ) -> None:
        """`issued` is called when a certificate may have been issued: someone may print it now."""
        self._store, self._rows, self._neighbours, self._issued = store, rows, neighbours, issued
        self._shelf, self._archive, self._public_url, self._clock = shelf, archive, public_url, clock

    def GenerateCertificate(
        self, request: certificate_pb.GenerateCertificateRequest, context: Context
    ) -> certificate_pb.Certificate:
        command = commands.GenerateCertificate(principal().user_id, request.course_id.lower())
        found = commands.generate_certificate(command, self._store, self._neighbours, self._clock)
        self._issued()
        return wire.certificate(found, self._public_url)

    def GetCertificate(
        self, request: certificate_pb.GetCertificateRequest, context: Context
    ) -> certificate_pb.Certificate:
        who = principal()
        query = queries.GetCertificate(who.user_id, who.roles, request.certificate_id)
        return wire.certificate(queries.get_certificate(query, self._rows), self._public_url)

    def ListMyCertificates(
        self, request: certificate_pb.ListMyCertificatesRequest, context: Context
    ) -> certificate_pb.ListMyCertificatesResponse:
        query = queries.ListMyCertificates(principal().user_id, request.page_size, request.page_token)
        return wire.certificates(queries.list_my_certificates(query, self._rows), self._public_url)

    def DownloadCertificate(
        self, request: certificate_pb.DownloadCertificateRequest, context: Context
    ) -> httpbody_pb2.HttpBody:
        query = queries.DownloadCertificate(principal().user_id, request.certificate_id)
        found = queries.download_certificate(query, self._rows, self._shelf)
        context.send_initial_metadata(
            (
                ("content-disposition", wire.content_disposition(found.file_name)),
                ("cache-control", "private, max-age=0"),
            )
        )
        return httpbody_pb2.HttpBody(content_type="application/pdf", data=found.data)

    def CreateDownloadLink(
        self, request: certificate_pb.CreateDownloadLinkRequest, context: Context
    ) -> certificate_pb.DownloadLink:
        command = commands.CreateDownloadLink(principal().user_id, request.certificate_id)
        return wire.link(commands.create_download_link(command, self._store, self._shelf, self._archive, self._clock))


class VerificationService(verification_service_pb2_grpc.VerificationServiceServicer):
    def __init__(
        self, rows: Rows, show: Callable[[queries.CertificateRow | None, str], str], headers: Sequence[tuple[str, str]]
    ) -> None:
        """`show` makes the page of what was found, or of nothing, and of what was typed; `headers` go with it."""
        self._rows, self._show, self._headers = rows, show, tuple(headers)

    def VerifyCertificate(
        self, request: verification_pb.VerifyCertificateRequest, context: Context
    ) -> verification_pb.VerifyCertificateResponse:
        return wire.verified(queries.verify_certificate(queries.VerifyCertificate(request.code), self._rows))

    def GetVerificationPage(
        self, request: verification_pb.GetVerificationPageRequest, context: Context
    ) -> httpbody_pb2.HttpBody:
        found = queries.get_verification_page(queries.GetVerificationPage(request.code), self._rows)
        context.send_initial_metadata(self._headers)
        page = self._show(found, request.code)
        return httpbody_pb2.HttpBody(content_type="text/html; charset=utf-8", data=page.encode())
