"""A fresh mesh has demo accounts that can sign in and courses to look at; a second start leaves them as they are."""

import json
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from deploy.local.catalogue import COURSES
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


def first_password(state_dir: Path) -> str:
    return str(json.loads((state_dir / "seeded.json").read_text())["password"])


@pytest.fixture
def state_dir(server_dir: Path) -> Path:
    return server_dir / "seeding"


def test_the_demo_accounts_sign_in_and_the_courses_are_published_once(state_dir: Path) -> None:
    seen = []
    try:
        for _ in range(2):
            with Mesh(state_dir, services=("identity", "catalog")) as mesh:
                profiles = {role: profile_of(mesh, role) for role in ACCOUNTS}
                seen.append((profiles, ask(mesh, "/v1/courses?order=COURSE_ORDER_TITLE")["courses"]))
            # As after an update of the seed: it runs again, over what is there.
            (state_dir / "seeded.json").write_text(json.dumps({"password": first_password(state_dir)}))
    finally:
        Postgres(state_dir / "postgres").clear()
    assert seen[0] == seen[1]
    profiles, courses = seen[0]
    assert {course["title"] for course in courses} == {course.facts["title"] for course in COURSES}
    assert {course["instructorId"] for course in courses} == {profiles["instructor"]["userId"]}
    for role, profile in profiles.items():
        assert profile["name"] == ACCOUNTS[role].name
        assert f"ROLE_{role.upper()}" in profile["roles"]
