"""The archive in Google Cloud Storage."""

from datetime import datetime

import google.auth
import requests
from google.api_core import exceptions
from google.auth import exceptions as auth_exceptions
from google.cloud import storage

from services.certification.domain.document import DocumentDamaged
from services.certification.wire import content_disposition
from services.chassis.clients import CAP_SECONDS
from services.chassis.interceptors import time_left
from services.kernel.errors import DependencyUnavailable

CONTENT_TYPE = "application/pdf"
_TROUBLE = (
    exceptions.GoogleAPICallError,
    exceptions.RetryError,
    auth_exceptions.TransportError,
    auth_exceptions.RefreshError,
    requests.RequestException,
)


def storage_client() -> storage.Client:
    """A client as the library's own environment says, in the universe of the account: in one that isn't Google's, as
    the local storage's, the library asks nothing of Google."""
    credentials, project = google.auth.default()
    options = {"universe_domain": credentials.universe_domain}
    return storage.Client(project, credentials, client_options=options)  # type: ignore[no-untyped-call]


class StorageArchive:
    def __init__(self, client: storage.Client, bucket: str) -> None:
        self._bucket = client.bucket(bucket)  # type: ignore[no-untyped-call]

    def keep(self, name: str, data: bytes) -> bytes:
        blob = self._bucket.blob(name)
        blob.cache_control = "private, max-age=0, no-transform"
        try:
            blob.upload_from_string(data, CONTENT_TYPE, if_generation_match=0, checksum="crc32c", timeout=_seconds())
        except exceptions.PreconditionFailed:
            return self.fetch(name)
        except _TROUBLE as error:
            raise DependencyUnavailable(dependency="storage") from error
        return data

    def fetch(self, name: str) -> bytes:
        try:
            return bytes(self._bucket.blob(name).download_as_bytes(checksum="crc32c", timeout=_seconds()))
        except exceptions.NotFound:
            raise DocumentDamaged(name) from None
        except _TROUBLE as error:
            raise DependencyUnavailable(dependency="storage") from error

    def link(self, name: str, file_name: str, expires_at: datetime) -> str:
        url = self._bucket.blob(name).generate_signed_url(
            version="v4",
            method="GET",
            expiration=expires_at,
            response_disposition=content_disposition(file_name),
            response_type=CONTENT_TYPE,
        )
        return str(url)


def _seconds() -> float:
    return max(0.1, min(CAP_SECONDS, time_left(CAP_SECONDS)))
