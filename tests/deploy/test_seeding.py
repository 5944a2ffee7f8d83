"""A fresh mesh has demo accounts that can sign in, and a second start leaves them as they are."""

import json
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from deploy.local.demo_accounts import ACCOUNTS
from deploy.local.mesh import Mesh
from deploy.local.postgres import Postgres


def profile_of(mesh: Mesh, role: str) -> dict[str, Any]:
    """Sign in with what the terminal shows for a role, and ask who that is."""
    email, password = mesh.description()["accounts"][role].split()
    session = ask(mesh, "/v1/sessions:login", {"identifier": email, "password": password})
    return ask(mesh, "/v1/profile", token=session["accessToken"])


def ask(mesh: Mesh, path: str, body: dict[str, Any] | None = None, token: str = "") -> dict[str, Any]:
    headers = {"Content-Type": "application/json", **({"Authorization": f"Bearer {token}"} if token else {})}
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(mesh.url + path, data, headers)  # noqa: S310 - our own gateway
    with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310 - our own gateway
        said: dict[str, Any] = json.load(answer)
        return said


@pytest.fixture
def state_dir(server_dir: Path) -> Path:
    return server_dir / "seeding"


def test_the_demo_accounts_sign_in_with_their_roles_and_survive_a_restart(state_dir: Path) -> None:
    try:
        with Mesh(state_dir, services=("identity",)) as mesh:
            first = {role: profile_of(mesh, role) for role in ACCOUNTS}
        with Mesh(state_dir, services=("identity",)) as mesh:
            again = {role: profile_of(mesh, role) for role in ACCOUNTS}
    finally:
        Postgres(state_dir / "postgres").clear()
    assert again == first
    for role, profile in first.items():
        assert profile["name"] == ACCOUNTS[role].name
        assert f"ROLE_{role.upper()}" in profile["roles"]
