"""Buckets, objects and upload sessions as the index keeps them, and as the JSON interface shows them."""

import base64
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

from deploy.local.standins.storage.errors import StorageError, invalid
from deploy.local.standins.storage.preconditions import Preconditions

Fields = dict[str, Any]

# What a client may set on an object; everything else in a resource is the server's to say.
OBJECT_FIELDS = (
    "cacheControl",
    "contentDisposition",
    "contentEncoding",
    "contentLanguage",
    "contentType",
    "customTime",
    "metadata",
    "storageClass",
)
_BUCKET_FIELDS = ("iamConfiguration", "labels", "location", "storageClass")
_READ_ONLY_BUCKET_FIELDS = (
    "etag",
    "id",
    "kind",
    "metageneration",
    "name",
    "projectNumber",
    "selfLink",
    "timeCreated",
    "updated",
)
_BUCKET_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{1,61}[a-z0-9]")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


@dataclass(frozen=True)
class Bucket:
    name: str
    created: str
    updated: str
    metageneration: int
    fields: Fields

    def as_json(self, base_url: str) -> Fields:
        return {
            "kind": "storage#bucket",
            "id": self.name,
            "name": self.name,
            "selfLink": f"{base_url}/storage/v1/b/{self.name}",
            "projectNumber": "1",
            "metageneration": str(self.metageneration),
            "etag": _etag(self.metageneration),
            "timeCreated": self.created,
            "updated": self.updated,
            "location": "LOCAL",
            "locationType": "region",
            "storageClass": "STANDARD",
            **self.fields,
            "iamConfiguration": {"uniformBucketLevelAccess": {"enabled": True}, "publicAccessPrevention": "enforced"},
        }


@dataclass(frozen=True)
class StoredObject:
    bucket: str
    name: str
    generation: int
    metageneration: int
    created: str
    updated: str
    size: int
    crc32c: str
    md5: str
    blob_id: str
    fields: Fields

    @property
    def content_type(self) -> str:
        return str(self.fields.get("contentType") or "application/octet-stream")

    def as_json(self, base_url: str) -> Fields:
        path = f"b/{self.bucket}/o/{quote(self.name, safe='')}"
        return {
            "kind": "storage#object",
            "id": f"{self.bucket}/{self.name}/{self.generation}",
            "selfLink": f"{base_url}/storage/v1/{path}",
            "mediaLink": f"{base_url}/download/storage/v1/{path}?generation={self.generation}&alt=media",
            "name": self.name,
            "bucket": self.bucket,
            "generation": str(self.generation),
            "metageneration": str(self.metageneration),
            "storageClass": "STANDARD",
            **self.fields,
            "contentType": self.content_type,
            "size": str(self.size),
            "crc32c": self.crc32c,
            "md5Hash": self.md5,
            "etag": _etag(self.generation, self.metageneration),
            "timeCreated": self.created,
            "timeFinalized": self.created,
            "timeStorageClassUpdated": self.created,
            "updated": self.updated,
        }


@dataclass(frozen=True)
class UploadSession:
    """A resumable upload; `generation` is set once its object exists."""

    upload_id: str
    bucket: str
    name: str
    fields: Fields
    hashes: dict[str, str]
    conditions: Preconditions
    generation: int | None = None


def timestamp(moment: datetime | None = None) -> str:
    return (moment or datetime.now(UTC)).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def check_bucket_name(name: object) -> str:
    if not isinstance(name, str) or not _BUCKET_NAME.fullmatch(name) or ".." in name or name.startswith("goog"):
        raise invalid(f"Invalid bucket name: '{name}'")
    return name


def check_object_name(name: object) -> str:
    if not isinstance(name, str) or not name:
        raise StorageError(400, "Required", reason="required")
    try:
        size = len(name.encode("utf-8"))
    except UnicodeEncodeError:
        raise invalid("Invalid object name: not valid UTF-8") from None
    if size > 1024 or name in (".", "..") or any(mark in name for mark in "\r\n\x00"):
        raise invalid(f"Invalid object name: {name[:80]!r}")
    return name


def bucket_fields(body: Mapping[str, Any]) -> Fields:
    """What of a request body is kept; settings that would have no effect here are refused, not swallowed."""
    unknown = sorted(set(body) - set(_BUCKET_FIELDS) - set(_READ_ONLY_BUCKET_FIELDS))
    if unknown:
        raise StorageError(501, f"The local storage stand-in does not support the bucket setting {unknown[0]}.")
    return {name: body[name] for name in _BUCKET_FIELDS if body.get(name) is not None}


def object_fields(body: Mapping[str, Any]) -> Fields:
    """The settable fields of a request body; they end up in response headers, so no control characters."""
    fields = {name: body[name] for name in OBJECT_FIELDS if body.get(name) is not None}
    metadata = fields.get("metadata", {})
    if not isinstance(metadata, dict) or not all(isinstance(value, str | None) for value in metadata.values()):
        raise invalid("Invalid value for metadata: a map of strings is expected")
    plain = [value for name, value in fields.items() if name != "metadata"]
    for value in (*plain, *metadata, *metadata.values()):
        if value is not None and (not isinstance(value, str) or _CONTROL.search(value)):
            raise invalid("Invalid value: a string without control characters is expected")
    if metadata:
        fields["metadata"] = {key: value for key, value in metadata.items() if value is not None}
    return fields


def patched_fields(current: Fields, body: Mapping[str, Any]) -> Fields:
    """JSON merge patch: null removes, metadata merges key by key."""
    merged = {**current, **object_fields(body)}
    for name in OBJECT_FIELDS:
        if name in body and body[name] is None:
            merged.pop(name, None)
    changes = body.get("metadata")
    if isinstance(changes, dict):
        both = {**current.get("metadata", {}), **changes}
        merged["metadata"] = {key: value for key, value in both.items() if value is not None}
    return merged


def _etag(*numbers: int) -> str:
    return base64.b64encode("/".join(map(str, numbers)).encode("ascii")).decode("ascii")
