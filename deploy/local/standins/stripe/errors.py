"""The errors of the Stripe API, in the shape in which a client receives them."""

from typing import Any

Json = dict[str, Any]


class StripeError(Exception):
    """A refusal that is answered to the caller; `keeps_effects` says whether what happened before it stays."""

    keeps_effects = False

    def __init__(
        self,
        status: int,
        kind: str,
        message: str,
        *,
        code: str | None = None,
        param: str | None = None,
        headers: dict[str, str] | None = None,
        **details: Any,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.headers = headers or {}
        self.error: Json = {"message": message, "type": kind, **details}
        if code is not None:
            self.error["code"] = code
            self.error["doc_url"] = f"https://stripe.com/docs/error-codes/{code.replace('_', '-')}"
        if param is not None:
            self.error["param"] = param

    def body(self, request_id: str) -> Json:
        return {"error": {**self.error, "request_log_url": f"https://dashboard.stripe.com/test/logs/{request_id}"}}


class InvalidRequest(StripeError):
    """A request that was understood and cannot be carried out."""

    def __init__(
        self, message: str, *, code: str | None = None, param: str | None = None, status: int = 400, **details: Any
    ) -> None:
        super().__init__(status, "invalid_request_error", message, code=code, param=param, **details)


class InvalidParameters(InvalidRequest):
    """A request refused before it began: nothing is remembered under its idempotency key."""


class CardDeclined(StripeError):
    """A payment that the bank refused: the failed charge and its events stay on record."""

    keeps_effects = True

    def __init__(self, message: str, *, code: str, **details: Any) -> None:
        super().__init__(402, "card_error", message, code=code, **details)


def missing(kind: str, object_id: str, param: str, status: int) -> InvalidRequest:
    return InvalidRequest(f"No such {kind}: '{object_id}'", code="resource_missing", param=param, status=status)
