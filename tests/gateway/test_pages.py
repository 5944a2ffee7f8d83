"""Pages for people: everything they load comes from here."""

import re

import httpx
import pytest
import yaml

from tests.gateway.calls import assert_refused
from tests.gateway.conftest import Mesh
from tests.gateway.workspace import REPOSITORY

PAGES = ("/", "/docs", "/docs/")


@pytest.mark.parametrize("path", PAGES)
def test_pages_load_nothing_from_elsewhere_and_all_they_load_is_there(client: httpx.Client, path: str) -> None:
    page = client.get(path)
    assert page.status_code == 200
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    loaded = re.findall(r'(?:src|rel="stylesheet" href)="([^"]+)"', page.text)
    assert loaded
    for asset in loaded:
        assert asset.startswith("/")
        response = client.get(asset)
        assert response.status_code == 200, asset
        assert response.headers["content-type"].startswith(("text/css", "text/javascript"))


@pytest.mark.parametrize("path", [*PAGES, "/docs/docs.js", "/docs/api-spec.yaml"])
def test_pages_forbid_everything_but_this_host(client: httpx.Client, path: str) -> None:
    policy = client.get(path).headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "script-src 'self'" in policy
    assert "unsafe" not in policy
    assert "http" not in policy


def test_no_inline_script_or_style_that_the_policy_would_stop(mesh: Mesh) -> None:
    for file in mesh.edge.settings.static_directory.glob("*.html"):
        html = file.read_text(encoding="utf-8")
        assert "style=" not in html
        assert "<style" not in html
        assert not re.search(r"<script(?![^>]*\bsrc=)", html)
        assert not re.search(r"\son\w+=", html)


def test_document_is_served_as_it_is(client: httpx.Client, mesh: Mesh) -> None:
    response = client.get("/docs/api-spec.yaml")
    assert response.headers["content-type"].startswith("application/yaml")
    assert response.content == mesh.edge.settings.api_spec.read_bytes()
    assert yaml.safe_load(response.text)["openapi"] == "3.1.0"


def test_landing_page_leads_to_what_exists(client: httpx.Client) -> None:
    spec = yaml.safe_load((REPOSITORY / "docs" / "api-spec.yaml").read_text(encoding="utf-8"))
    links = re.findall(r'<a href="([^"]+)"', client.get("/").text)
    assert "/docs" in links
    for link in links:
        assert link in spec["paths"] or client.get(link).status_code == 200, link


def test_viewer_is_one_that_knows_openapi_3_1(client: httpx.Client) -> None:
    script = client.get("/docs/swagger-ui-bundle.js").text
    found = re.search(r'"?PACKAGE_VERSION"?[^0-9]{1,20}(\d+)\.(\d+)', script)
    assert found is not None
    assert (int(found[1]), int(found[2])) >= (5, 0)


def test_pages_are_read_only(client: httpx.Client) -> None:
    for path in PAGES:
        response = client.post(path)
        assert_refused(response, 405, 12, "METHOD_NOT_ALLOWED")
        assert response.headers["allow"] == "GET, HEAD"
    assert client.head("/docs").status_code == 200
