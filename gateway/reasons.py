"""What the reasons that an RPC lists mean: the comments of the contract's reason enums."""

import re

from gateway.contract import Contract, Rpc

STATUS = re.compile(r"\s*\bStatus ([A-Z_]+)")
# As the transcoder maps them.
HTTP_STATUS = {
    "CANCELLED": 499,
    "UNKNOWN": 500,
    "INVALID_ARGUMENT": 400,
    "DEADLINE_EXCEEDED": 504,
    "NOT_FOUND": 404,
    "ALREADY_EXISTS": 409,
    "PERMISSION_DENIED": 403,
    "RESOURCE_EXHAUSTED": 429,
    "FAILED_PRECONDITION": 400,
    "ABORTED": 409,
    "OUT_OF_RANGE": 400,
    "UNIMPLEMENTED": 501,
    "INTERNAL": 500,
    "UNAVAILABLE": 503,
    "DATA_LOSS": 500,
    "UNAUTHENTICATED": 401,
}
SHARED = "campus.types.v1.Reason"


class Reasons:
    """Looks a reason up: first among those of the RPC's own service, then among the shared ones."""

    def __init__(self, contract: Contract) -> None:
        self.comments = contract.comments

    def comment(self, rpc: Rpc, reason: str) -> str:
        package = rpc.service.rpartition(".")[0]
        found = self.comments.get(f"{package}.Reason.{reason}") or self.comments.get(f"{SHARED}.{reason}")
        return (found or "").replace("\n", " ")

    def line(self, rpc: Rpc, reason: str) -> str:
        """One line of a list: the reason, the HTTP status it comes with, what it means."""
        comment = self.comment(rpc, reason)
        status = STATUS.search(comment)
        http = f" ({HTTP_STATUS[status[1]]})" if status and status[1] in HTTP_STATUS else ""
        return f"- `{reason}`{http}" + (f": {comment}" if comment else "")
