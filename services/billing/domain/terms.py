"""What the platform sells on: how a price is shared, and where the payment page may send a browser."""

from dataclasses import dataclass
from urllib.parse import SplitResult, urlsplit

from services.billing.domain.errors import ReturnUrlNotAllowed

_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True)
class Terms:
    public_url: str
    instructor_share_bps: int = 7_000

    def return_url(self, wanted: str, field: str, transaction_id: str) -> str:
        """The address to return to: the wanted one if it is ours, or the platform's own page."""
        if not wanted:
            outcome = field.removesuffix("_url")
            return f"{self.public_url.rstrip('/')}/?checkout={outcome}&transaction_id={transaction_id}"
        # Browsers read a backslash as a slash, so what follows it may be another host to them.
        if "\\" in wanted or _origin(wanted) != _origin(self.public_url):
            raise ReturnUrlNotAllowed(field=field)
        return wanted


def _origin(url: str) -> tuple[str, str, int | None] | None:
    """Scheme, host and port; None for what has no clear origin."""
    try:
        parts: SplitResult = urlsplit(url)
        port = parts.port
    except ValueError:
        return None
    if parts.scheme not in _PORTS or not parts.hostname or "@" in parts.netloc:
        return None
    return parts.scheme, parts.hostname, port or _PORTS[parts.scheme]
