"""Where a page starts in a list that is ordered by ids, the newest first."""

from uuid import UUID

from services.kernel.errors import PageTokenInvalid
from services.kernel.pages import PageRequest

LAST_ID = "ffffffff-ffff-ffff-ffff-ffffffffffff"


def id_after(page: PageRequest) -> str:
    """The id that the page's rows come after; the last one there can be for the first page."""
    key = page.after(1)
    try:
        return str(UUID(key[0])) if key else LAST_ID
    except ValueError:
        raise PageTokenInvalid(field="page_token") from None
