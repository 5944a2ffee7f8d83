"""The inbox in a browser, and the same for programs: pages, JSON interface, raw mail and attachments."""

from collections.abc import Mapping
from pathlib import Path
from urllib.parse import quote

from jinja2 import Environment, FileSystemLoader
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route

from deploy.local.standins.mail.contents import Contents, open_mail, shown_time, summary
from deploy.local.standins.mail.store import Mail, Mailbox

_LIMIT = 200
_MOST = 1000
_PAGE_POLICY = "default-src 'none'; style-src 'unsafe-inline'; frame-src 'self'; form-action 'self'; base-uri 'none'"
# A mail's own HTML gets an origin of its own, no scripts, no forms, and nothing from the network.
_MAIL_POLICY = (
    "default-src 'none'; img-src data:; style-src 'unsafe-inline'; sandbox allow-popups allow-popups-to-escape-sandbox"
)
_SAFE = {"X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer", "Cache-Control": "no-store"}


class Web:
    def __init__(self, mailbox: Mailbox) -> None:
        self._mailbox = mailbox
        loader = FileSystemLoader(Path(__file__).parent / "templates")
        self._pages = Environment(loader=loader, autoescape=True, trim_blocks=True, lstrip_blocks=True)

    def build(self) -> Starlette:
        routes = [
            Route("/", self.inbox),
            Route("/messages/{mail_id}", self.message),
            Route("/messages/{mail_id}/html", self.html),
            Route("/messages/{mail_id}/raw", self.raw),
            Route("/messages/{mail_id}/attachments/{index:int}", self.attachment),
            Route("/api/messages", self.api_list, methods=["GET"]),
            Route("/api/messages", self.api_clear, methods=["DELETE"]),
            Route("/api/messages/{mail_id}", self.api_message, methods=["GET"]),
        ]
        return Starlette(routes=routes, exception_handlers={HTTPException: self._refuse})

    async def inbox(self, request: Request) -> Response:
        search = request.query_params.get("to", "").strip()
        mails = self._mailbox.search(search, _LIMIT) if search else self._mailbox.newest(_LIMIT)
        rows = [{**summary(mail), "time": shown_time(mail)} for mail in mails]
        return self._page("inbox.html", {"rows": rows, "search": search, "total": self._mailbox.count()})

    async def message(self, request: Request) -> Response:
        mail, contents = self._opened(request)
        fields = {"mail": mail, "contents": contents, "time": shown_time(mail), "subject": contents.header("subject")}
        return self._page("message.html", fields)

    async def html(self, request: Request) -> Response:
        _, contents = self._opened(request)
        if contents.html is None:
            raise HTTPException(404, "This mail has no HTML body.")
        # Links open in a tab of their own: inside the frame they would be as locked up as the mail.
        body = '<base target="_blank">' + contents.html
        return HTMLResponse(body, headers={**_SAFE, "Content-Security-Policy": _MAIL_POLICY})

    async def raw(self, request: Request) -> Response:
        headers = {**_SAFE, "Content-Security-Policy": "default-src 'none'; sandbox"}
        return Response(self._found(request).raw, headers=headers, media_type="text/plain")

    async def attachment(self, request: Request) -> Response:
        _, contents = self._opened(request)
        index = int(request.path_params["index"])
        if not 1 <= index <= len(contents.attachments):
            raise HTTPException(404, "This mail has no such attachment.")
        part = contents.attachments[index - 1]
        headers = {**_SAFE, "Content-Disposition": f"attachment; filename*=UTF-8''{quote(part.filename, safe='')}"}
        return Response(part.content, headers=headers, media_type="application/octet-stream")

    async def api_list(self, request: Request) -> Response:
        address = request.query_params.get("to", "")
        limit = _limit(request.query_params.get("limit", str(_LIMIT)))
        mails = self._mailbox.received_by(address, limit) if address else self._mailbox.newest(limit)
        return JSONResponse({"messages": [summary(mail) for mail in mails]}, headers=_SAFE)

    async def api_message(self, request: Request) -> Response:
        mail, contents = self._opened(request)
        attachments = [
            {
                "filename": part.filename,
                "content_type": part.content_type,
                "size_bytes": len(part.content),
                "url": f"/messages/{mail.mail_id}/attachments/{index}",
            }
            for index, part in enumerate(contents.attachments, 1)
        ]
        body = {
            **summary(mail),
            "headers": contents.headers,
            "text": contents.text,
            "html": contents.html,
            "attachments": attachments,
            "raw_url": f"/messages/{mail.mail_id}/raw",
        }
        return JSONResponse(body, headers=_SAFE)

    async def api_clear(self, request: Request) -> Response:
        self._mailbox.clear()
        return Response(status_code=204)

    async def _refuse(self, request: Request, fault: Exception) -> Response:
        assert isinstance(fault, HTTPException)
        if request.url.path.startswith("/api/"):
            return JSONResponse({"error": fault.detail}, fault.status_code, headers=fault.headers)
        return self._page("refusal.html", {"reason": fault.detail}, fault.status_code)

    def _found(self, request: Request) -> Mail:
        mail = self._mailbox.get(request.path_params["mail_id"])
        if mail is None:
            raise HTTPException(404, "There is no such mail.")
        return mail

    def _opened(self, request: Request) -> tuple[Mail, Contents]:
        mail = self._found(request)
        return mail, open_mail(mail)

    def _page(self, template: str, fields: Mapping[str, object], status: int = 200) -> Response:
        page = self._pages.get_template(template).render(**fields)
        return HTMLResponse(page, status, headers={**_SAFE, "Content-Security-Policy": _PAGE_POLICY})


def _limit(text: str) -> int:
    if not text.isascii() or not text.isdigit() or not 0 < int(text) <= _MOST:
        raise HTTPException(400, f"limit must be between 1 and {_MOST}")
    return int(text)
