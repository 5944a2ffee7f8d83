"""A REST caller of the gateway, as a web client would be one."""

import ssl
from types import TracebackType
from typing import Any, Self

import httpx

Json = dict[str, Any]


class Refused(Exception):
    """The gateway or a service said no. `reason` is the stable one, from google.rpc.ErrorInfo."""

    def __init__(self, status: int, body: Json) -> None:
        self.status = status
        details = body.get("details", [])
        info: Json = next((each for each in details if each.get("@type", "").endswith("ErrorInfo")), {})
        bad: Json = next((each for each in details if each.get("@type", "").endswith("BadRequest")), {})
        self.reason: str = info.get("reason", "")
        self.fields = [each["field"] for each in bad.get("fieldViolations", [])]
        super().__init__(f"{status} {self.reason} {body.get('message', '')} {self.fields or ''}".strip())


class Rest:
    """Calls as one user, or as nobody. Answers are JSON objects; a refusal is raised."""

    def __init__(self, base: str, token: str = "", client: httpx.Client | None = None) -> None:
        # A context of its own: loading the system's authorities would cost more than a call.
        self.base, self.token = base, token
        self._client = client or httpx.Client(timeout=20, verify=ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT))

    def signed_in(self, identifier: str, password: str) -> "Rest":
        """The same client, acting for the user who signs in now."""
        session = self.post("/v1/sessions:login", {"identifier": identifier, "password": password})
        return Rest(self.base, session["accessToken"], self._client)

    def get(self, path: str, **query: str | int) -> Json:
        return self.call("GET", path, params=query)

    def post(self, path: str, body: Json | None = None, key: str = "") -> Json:
        return self.call("POST", path, json=body or {}, headers={"idempotency-key": key} if key else {})

    def call(self, method: str, path: str, **options: Any) -> Json:
        found: Json = self.raw(method, path, **options).json()
        return found

    def raw(self, method: str, path: str, **options: Any) -> httpx.Response:
        """The whole response; refusals are raised all the same."""
        headers = {**({"authorization": f"Bearer {self.token}"} if self.token else {}), **options.pop("headers", {})}
        response = self._client.request(method, self.base + path, headers=headers, **options)
        if response.status_code >= 400:
            try:
                body = response.json()
            except ValueError:
                body = {"message": response.text[:200]}
            raise Refused(response.status_code, body)
        return response

    def stream(self, path: str) -> Any:
        """A response that is read while it comes; a context manager."""
        headers = {"authorization": f"Bearer {self.token}"} if self.token else {}
        return self._client.stream("GET", self.base + path, headers=headers, timeout=None)

    def close(self) -> None:
        self._client.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
