"""`python -m deploy.local.seed`: demo accounts by identity's own task, demo courses over REST as their instructor.

Runs in identity's environment. Every request carries a fixed request id, so that a second run changes nothing.
"""

import argparse
import json
import os
import subprocess
import sys
import urllib.error
import urllib.request
from typing import Any

from deploy.local.catalogue import COURSES, Course
from deploy.local.demo_accounts import ACCOUNTS, Account


class Refused(Exception):
    """The mesh did not do what was asked."""


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m deploy.local.seed", description=__doc__)
    parser.add_argument("--no-courses", action="store_true", help="make accounts only")
    arguments = parser.parse_args()
    password, base = os.environ["CAMPUS_DEMO_PASSWORD"], os.environ["CAMPUS_PUBLIC_URL"]
    try:
        make_accounts(password)
        if not arguments.no_courses:
            make_courses(Caller.logged_in(base, ACCOUNTS["instructor"], password))
    except Refused as refusal:
        sys.exit(str(refusal))


def make_accounts(password: str) -> None:
    """Make sure that the demo accounts exist and hold their roles."""
    running = [(account, _seed_user(account, password)) for account in ACCOUNTS.values()]
    for account, process in running:
        said, _ = process.communicate()
        if process.returncode:
            raise Refused(f"{account.email} could not be made: {said.strip().splitlines()[-1]}")


def _seed_user(account: Account, password: str) -> subprocess.Popen[str]:
    # `=`: a made password may begin with a dash.
    options = [f"--email={account.email}", f"--name={account.name}", f"--role={account.role}", f"--password={password}"]
    command = [sys.executable, "-m", "services.identity", "seed-user", *options]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


class Caller:
    """Somebody signed in who speaks REST to the gateway."""

    def __init__(self, base: str, token: str) -> None:
        self._base = base
        self._token = token

    @classmethod
    def logged_in(cls, base: str, account: Account, password: str) -> "Caller":
        session = cls(base, "").post("/v1/sessions:login", {"identifier": account.email, "password": password})
        return cls(base, session["accessToken"])

    def post(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        headers = {"Content-Type": "application/json"}
        if self._token:
            headers["Authorization"] = f"Bearer {self._token}"
        request = urllib.request.Request(self._base + path, json.dumps(body).encode(), headers)  # noqa: S310 - our own
        try:
            with urllib.request.urlopen(request, timeout=15) as answer:  # noqa: S310 - our own gateway
                said: dict[str, Any] = json.load(answer)
                return said
        except urllib.error.HTTPError as error:
            raise Refused(f"POST {path} was answered {error.code}: {error.read(500).decode()}") from error
        except urllib.error.URLError as error:
            raise Refused(f"POST {path} got no answer: {error.reason}") from error


def make_courses(instructor: Caller) -> None:
    """Make the demo's courses, with their modules and lessons, and publish them."""
    for course in COURSES:
        _make_course(instructor, course)


def _make_course(instructor: Caller, course: Course) -> None:
    made = instructor.post("/v1/courses", {**course.facts, "request_id": f"demo.{course.key}"})
    path = f"/v1/courses/{made['courseId']}"
    for number, (title, lessons) in enumerate(course.modules, start=1):
        key = f"demo.{course.key}.{number}"
        module = instructor.post(f"{path}/modules", {"title": title, "request_id": key})
        for position, lesson in enumerate(lessons, start=1):
            place = f"{path}/modules/{module['moduleId']}/lessons"
            instructor.post(place, {**lesson, "request_id": f"{key}.{position}"})
    instructor.post(f"{path}:publish", {})


if __name__ == "__main__":
    main()
