"""The ways of saying no: a JSON error to a client, an error page to a person, an error in the redirect back."""

from starlette.responses import JSONResponse

NO_STORE = {"Cache-Control": "no-store", "Pragma": "no-cache"}


# Only a page repeats what was sent: RFC 6749 allows a description no more than plain ASCII without quotes.


class OAuthError(Exception):
    """Answered to a client as RFC 6749 says, in JSON."""

    def __init__(self, error: str, description: str, status: int = 400, challenge: str | None = None) -> None:
        super().__init__(description)
        self.error, self.description, self.status, self.challenge = error, description, status, challenge

    def response(self) -> JSONResponse:
        headers = NO_STORE if self.challenge is None else {**NO_STORE, "WWW-Authenticate": self.challenge}
        body = {"error": self.error, "error_description": self.description}
        return JSONResponse(body, self.status, headers)


class Untrusted(Exception):
    """A request that names no client or redirect URI we know: sending the browser anywhere would help an attacker."""

    def __init__(self, error: str, description: str) -> None:
        super().__init__(description)
        self.error, self.description = error, description


class SentBack(Exception):
    """A refusal that the client is to hear of, at its registered redirect URI."""

    def __init__(self, error: str, description: str) -> None:
        super().__init__(description)
        self.error, self.description = error, description
