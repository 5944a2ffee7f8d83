"""Parameters of OAuth requests: an empty one counts as absent, a repeated one is an error."""

from collections import Counter
from urllib.parse import parse_qsl

from starlette.requests import Request

from deploy.local.standins.oidc.refusals import OAuthError

_FORM = "application/x-www-form-urlencoded"


class Params:
    def __init__(self, encoded: str) -> None:
        pairs = [(name, value) for name, value in parse_qsl(encoded, keep_blank_values=True) if value]
        self._values = dict(pairs)
        counts = Counter(name for name, _ in pairs)
        self.repeated = frozenset(name for name, count in counts.items() if count > 1)

    def get(self, name: str) -> str | None:
        return None if name in self.repeated else self._values.get(name)

    def required(self, name: str) -> str:
        value = self.get(name)
        if value is None:
            raise OAuthError("invalid_request", f"Missing required parameter: {name}")
        return value


async def form(request: Request) -> Params:
    """The form of a request to the token or revocation endpoint."""
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != _FORM:
        raise OAuthError("invalid_request", f"Send {_FORM}")
    try:
        params = Params((await request.body()).decode())
    except ValueError:
        raise OAuthError("invalid_request", "The form cannot be read") from None
    if params.repeated:
        raise OAuthError("invalid_request", "A parameter is given more than once")
    return params
