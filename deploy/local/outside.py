"""The outside parties and the local servers that speak their protocols when no real one is named."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from deploy.local.plan import Plan

BUCKET = "campus-local"

Said = Mapping[str, Any]


@dataclass(frozen=True)
class Standin:
    """One outside party: the variable that names the real one, and what services are told of the local one."""

    name: str
    replaced_by: str
    options: Callable[[Plan], tuple[str, ...]]
    env: Callable[[Said], Mapping[str, str]]
    pages: Callable[[Said], Mapping[str, str]]


def _storage_options(_: Plan) -> tuple[str, ...]:
    return ("--bucket", BUCKET)


def _storage_env(said: Said) -> Mapping[str, str]:
    return {
        "CAMPUS_STORAGE_BUCKET": BUCKET,
        "API_ENDPOINT_OVERRIDE": f"http://127.0.0.1:{said['port']}",
        "GOOGLE_APPLICATION_CREDENTIALS": str(said["service_account"]),
    }


def _no_pages(_: Said) -> Mapping[str, str]:
    return {}


def _mail_options(plan: Plan) -> tuple[str, ...]:
    return ("--smtp-port", str(plan.port("mail.smtp")))


def _mail_env(said: Said) -> Mapping[str, str]:
    return {"CAMPUS_SMTP_URL": f"smtp://127.0.0.1:{said['smtp_port']}"}


def _mail_pages(said: Said) -> Mapping[str, str]:
    return {"Mail inbox": f"http://localhost:{said['port']}"}


STANDINS = (
    Standin("storage", "CAMPUS_STORAGE_BUCKET", _storage_options, _storage_env, _no_pages),
    Standin("mail", "CAMPUS_SMTP_URL", _mail_options, _mail_env, _mail_pages),
)


def in_use(plan: Plan) -> tuple[Standin, ...]:
    """Return the stand-ins this run starts: those whose real party the environment does not name."""
    return tuple(standin for standin in STANDINS if not plan.given(standin.replaced_by))


def environment(plan: Plan) -> dict[str, str]:
    """Return what services need in order to reach the stand-ins."""
    return {
        key: value
        for standin in in_use(plan)
        if standin.name in plan.said
        for key, value in standin.env(plan.said[standin.name]).items()
    }


def pages(plan: Plan) -> dict[str, str]:
    """Return what the stand-ins show in a browser, by label."""
    return {
        label: url
        for standin in in_use(plan)
        if standin.name in plan.said
        for label, url in standin.pages(plan.said[standin.name]).items()
    }
