"""The pages for people: a landing page and the API reference, with everything they load."""

import mimetypes
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from gateway.settings import GatewaySettings

Config = dict[str, Any]
# The reference is one script and one style sheet from a package; nothing comes from another host.
SWAGGER_UI = "flask_swagger_ui"
SWAGGER_FILES = ("swagger-ui.css", "swagger-ui-bundle.js")
CONTENT_SECURITY_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
# Filters that have no business with a page.
SKIPPED_FILTERS = ("envoy.filters.http.grpc_json_transcoder", "envoy.filters.http.jwt_authn")


@dataclass(frozen=True, slots=True)
class Page:
    """One path and the file that is shown there."""

    path: str
    file: Path
    media_type: str
    cache_seconds: int


def pages(settings: GatewaySettings) -> list[Page]:
    static, swagger = settings.static_directory, swagger_directory()
    landing, reference = static / "index.html", static / "docs.html"
    return [
        page("/", landing),
        page("/docs", reference),
        page("/docs/", reference),
        page("/docs/docs.js", static / "docs.js"),
        page("/docs/style.css", static / "style.css"),
        Page("/docs/api-spec.yaml", settings.api_spec, "application/yaml; charset=utf-8", 60),
        *(page(f"/docs/{name}", swagger / name, cache_seconds=86_400) for name in SWAGGER_FILES),
    ]


def page(path: str, file: Path, *, cache_seconds: int = 60) -> Page:
    kind, _ = mimetypes.guess_type(file.name)
    return Page(path, file, f"{kind or 'application/octet-stream'}; charset=utf-8", cache_seconds)


def swagger_directory() -> Path:
    """Found without importing the package, which is made for a web framework that is not used here."""
    found = find_spec(SWAGGER_UI)
    if found is None or found.origin is None:
        raise FileNotFoundError(f"{SWAGGER_UI} is not installed: the API reference has no viewer")
    return Path(found.origin).parent / "dist"


def page_route(page: Page) -> Config:
    headers = {
        "content-type": page.media_type,
        "cache-control": f"public, max-age={page.cache_seconds}",
        "content-security-policy": CONTENT_SECURITY_POLICY,
        "referrer-policy": "no-referrer",
    }
    disabled = {"@type": "type.googleapis.com/envoy.config.route.v3.FilterConfig", "disabled": True}
    return {
        "match": {"path": page.path},
        "direct_response": {"status": 200, "body": {"filename": str(page.file)}},
        "response_headers_to_add": [
            {"header": {"key": key, "value": value}, "append_action": "OVERWRITE_IF_EXISTS_OR_ADD"}
            for key, value in headers.items()
        ],
        "typed_per_filter_config": dict.fromkeys(SKIPPED_FILTERS, disabled),
    }
