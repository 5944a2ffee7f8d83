"""One page of an object listing: prefix, delimiter, bounds and page token, as the JSON interface defines them."""

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass, field

from deploy.local.standins.storage.errors import invalid
from deploy.local.standins.storage.resources import StoredObject
from deploy.local.standins.storage.store import Store

_LARGEST_PAGE = 1000


@dataclass
class Page:
    items: list[StoredObject] = field(default_factory=list)
    prefixes: list[str] = field(default_factory=list)
    next_token: str | None = None


def list_objects(store: Store, bucket: str, query: Mapping[str, str]) -> Page:
    prefix, delimiter, end = query.get("prefix", ""), query.get("delimiter", ""), query.get("endOffset", "")
    last, last_is_prefix = _decode_token(query.get("pageToken", ""))
    limit = _page_size(query.get("maxResults", ""))
    page = Page()
    for stored in store.scan(bucket, prefix, max(last, query.get("startOffset", ""))):
        if end and stored.name >= end:
            break
        seen = stored.name.startswith(last) if last_is_prefix else stored.name <= last
        if last and seen:
            continue
        if len(page.items) + len(page.prefixes) == limit:
            page.next_token = _encode_token(last, last_is_prefix)
            break
        rolled_up = _rolled_up(stored.name, prefix, delimiter)
        last, last_is_prefix = (rolled_up, True) if rolled_up else (stored.name, False)
        if rolled_up:
            page.prefixes.append(rolled_up)
        else:
            page.items.append(stored)
    return page


def _rolled_up(name: str, prefix: str, delimiter: str) -> str | None:
    """The common prefix that stands for this name, if the delimiter occurs after the asked-for prefix."""
    if not delimiter:
        return None
    position = name.find(delimiter, len(prefix))
    return None if position < 0 else name[: position + len(delimiter)]


def _page_size(text: str) -> int:
    if not text:
        return _LARGEST_PAGE
    if not text.isascii() or not text.isdigit() or int(text) == 0:
        raise invalid(f"Invalid value for maxResults: {text}")
    return min(int(text), _LARGEST_PAGE)


def _encode_token(last: str, is_prefix: bool) -> str:
    return base64.urlsafe_b64encode(json.dumps([last, is_prefix]).encode("utf-8")).decode("ascii")


def _decode_token(token: str) -> tuple[str, bool]:
    if not token:
        return "", False
    try:
        last, is_prefix = json.loads(base64.urlsafe_b64decode(token))
    except ValueError:
        raise invalid("Invalid page token") from None
    if not isinstance(last, str) or not isinstance(is_prefix, bool):
        raise invalid("Invalid page token")
    return last, is_prefix
