"""The pages of a sign-in: who are you, and what went wrong; plain HTML forms that need no script."""

from pathlib import Path

from jinja2 import Environment, FileSystemLoader
from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route

from deploy.local.standins.oidc.identities import BadIdentity, Identities, Identity
from deploy.local.standins.oidc.refusals import NO_STORE, Untrusted
from deploy.local.standins.oidc.sign_in import Opened, Redirect, SignIn

AUTHORIZATION_PATH = "/o/oauth2/v2/auth"
_PAGES = Environment(loader=FileSystemLoader(Path(__file__).parent / "pages"), autoescape=True)
# No form-action: browsers would apply it to the redirect back to the client as well.
_POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src 'self'; frame-ancestors 'none'"
_HEADERS = {**NO_STORE, "Content-Security-Policy": _POLICY, "Referrer-Policy": "no-referrer"}
_VERIFIED = {"true": True, "false": False, "absent": None}


class Picker:
    def __init__(self, sign_in: SignIn, identities: Identities) -> None:
        self._sign_in, self._identities = sign_in, identities

    def routes(self) -> list[Route]:
        return [
            Route(AUTHORIZATION_PATH, self.show, methods=["GET", "POST"]),
            Route("/signin", self.choose, methods=["POST"]),
        ]

    async def show(self, request: Request) -> Response:
        encoded = request.url.query if request.method == "GET" else (await request.body()).decode(errors="replace")
        try:
            outcome = self._sign_in.open(encoded)
        except Untrusted as refusal:
            return refused(refusal)
        return _redirect(outcome) if isinstance(outcome, Redirect) else self._page(outcome, encoded)

    async def choose(self, request: Request) -> Response:
        """The page carries the request it was made for, which is judged again as if it had just come."""
        form = await request.form()
        encoded = str(form.get("request") or "")
        try:
            outcome = self._sign_in.open(encoded)
            if isinstance(outcome, Opened):
                outcome = self._decided(outcome, form)
        except Untrusted as refusal:
            return refused(refusal)
        except BadIdentity as problem:
            assert isinstance(outcome, Opened)
            return self._page(outcome, encoded, str(problem), form)
        return _redirect(outcome)

    def _decided(self, opened: Opened, form: FormData) -> Redirect:
        if form.get("decision") == "cancel":
            return self._sign_in.cancel(opened)
        sub = form.get("sub")
        if isinstance(sub, str):
            identity = self._identities.find(sub)
            if identity is None:
                raise BadIdentity("that account was removed")
        else:
            identity = self._typed(form)
        return self._sign_in.accept(opened, identity)

    def _typed(self, form: FormData) -> Identity:
        typed = {name: str(form.get(name) or "").strip() for name in ("email", "name", "hd")}
        description = {name: value for name, value in typed.items() if value}
        if known := self._identities.find_by_email(typed["email"]):
            return known
        verified = _VERIFIED.get(str(form.get("email_verified")), True)
        return self._identities.meet({**description, "email_verified": verified})

    def _page(
        self, opened: Opened, encoded: str, problem: str | None = None, typed: FormData | None = None
    ) -> Response:
        hint = opened.asked.login_hint
        listed = sorted(self._identities.listed(), key=lambda one: hint is None or hint not in (one.email, one.sub))
        known = hint is None or any(hint in (one.email, one.sub) for one in listed)
        page = _PAGES.get_template("picker.html").render(
            client=opened.back.client.id,
            scopes=opened.asked.scopes,
            identities=listed,
            request=encoded,
            problem=problem,
            typed=typed or {"email": None if known else hint},
        )
        return HTMLResponse(page, 200 if problem is None else 400, _HEADERS)


def refused(refusal: Untrusted) -> Response:
    """Nobody is sent anywhere: the person reads it here."""
    page = _PAGES.get_template("refused.html").render(error=refusal.error, description=refusal.description)
    return HTMLResponse(page, 401 if refusal.error == "invalid_client" else 400, _HEADERS)


def _redirect(redirect: Redirect) -> Response:
    # 303: whatever method brought the browser here, it goes on with GET and without the form.
    return RedirectResponse(redirect.location, 303, {"Cache-Control": "no-store", "Referrer-Policy": "no-referrer"})
