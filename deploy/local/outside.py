"""The outside parties, and the local servers that speak their protocols when no real one is named."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from deploy.local import ports
from deploy.local.plan import Plan

BUCKET = "campus-local"


@dataclass(frozen=True)
class Standin:
    """One outside party: the variable that names the real one; how the local one is started, reached and looked at."""

    name: str
    replaced_by: str
    options: Callable[[Plan], tuple[str, ...]]
    env: Callable[[Plan], Mapping[str, str]]
    pages: Callable[[Plan], Mapping[str, str]]


def folder(plan: Plan, name: str) -> Path:
    """Return where a stand-in keeps its data."""
    return plan.state.path("standins") / name


def _service_account(plan: Plan) -> str:
    return str(folder(plan, "storage") / "service-account.json")


def _stripe_options(plan: Plan) -> tuple[str, ...]:
    webhook = f"http://{ports.LOOPBACK}:{plan.ports['gateway']}/v1/webhooks/stripe"
    env = _stripe_env(plan)
    key, secret = env["CAMPUS_STRIPE_API_KEY"], env["CAMPUS_STRIPE_WEBHOOK_SECRET"]
    return ("--api-key", key, "--webhook-url", webhook, "--webhook-secret", secret)


def _stripe_env(plan: Plan) -> Mapping[str, str]:
    return {
        "CAMPUS_STRIPE_API_KEY": plan.secret("stripe.api_key", "sk_test_"),
        "CAMPUS_STRIPE_API_URL": _stripe_url(plan),
        "CAMPUS_STRIPE_WEBHOOK_SECRET": plan.secret("stripe.webhook", "whsec_"),
    }


def _stripe_pages(plan: Plan) -> Mapping[str, str]:
    return {"Stripe stand-in": f"{_stripe_url(plan)}  (its payment page is each checkout's checkout_url)"}


def _stripe_url(plan: Plan) -> str:
    return f"http://{ports.LOOPBACK}:{plan.port('stripe')}"


def _storage_options(plan: Plan) -> tuple[str, ...]:
    return ("--bucket", BUCKET, "--service-account", _service_account(plan))


def _storage_env(plan: Plan) -> Mapping[str, str]:
    return {
        "CAMPUS_STORAGE_BUCKET": BUCKET,
        "API_ENDPOINT_OVERRIDE": f"http://{ports.LOOPBACK}:{plan.port('storage')}",
        "GOOGLE_APPLICATION_CREDENTIALS": _service_account(plan),
    }


def _mail_options(plan: Plan) -> tuple[str, ...]:
    return ("--smtp-port", str(plan.port("mail.smtp")))


def _mail_env(plan: Plan) -> Mapping[str, str]:
    return {"CAMPUS_SMTP_URL": f"smtp://{ports.LOOPBACK}:{plan.port('mail.smtp')}"}


def _mail_pages(plan: Plan) -> Mapping[str, str]:
    return {"Mail inbox": f"http://localhost:{plan.port('mail')}"}


def _oidc_options(plan: Plan) -> tuple[str, ...]:
    own = _own_provider(plan)
    registered = ("--client-id", str(own["client_id"]), "--client-secret", str(own["client_secret"]))
    return (*registered, "--redirect-uri", f"{plan.public_url}/v1/oauth/{own['name']}/callback")


def _oidc_env(plan: Plan) -> Mapping[str, str]:
    return {"CAMPUS_OIDC_PROVIDERS": json.dumps([_own_provider(plan)])}


def _own_provider(plan: Plan) -> Mapping[str, object]:
    return {
        "name": "google",
        "issuer": f"http://{ports.LOOPBACK}:{plan.port('oidc')}",
        "client_id": "campus-local",
        "client_secret": plan.secret("oidc.client_secret", "GOCSPX-"),
        "scopes": ["openid", "email", "profile"],
    }


def _no_pages(_: Plan) -> Mapping[str, str]:
    return {}


STANDINS = (
    Standin("stripe", "CAMPUS_STRIPE_API_KEY", _stripe_options, _stripe_env, _stripe_pages),
    Standin("storage", "CAMPUS_STORAGE_BUCKET", _storage_options, _storage_env, _no_pages),
    Standin("mail", "CAMPUS_SMTP_URL", _mail_options, _mail_env, _mail_pages),
    Standin("oidc", "CAMPUS_OIDC_PROVIDERS", _oidc_options, _oidc_env, _no_pages),
)
# Who reads a stand-in's files when it starts. Everybody else may come up before or after it.
NEEDED_BY = {"storage": ("catalog", "certification")}


def in_use(plan: Plan) -> tuple[Standin, ...]:
    """Return the stand-ins this run starts: those whose real party the environment does not name."""
    return tuple(standin for standin in STANDINS if not plan.given(standin.replaced_by))


def environment(plan: Plan) -> dict[str, str]:
    """Return what services need in order to reach the stand-ins."""
    return {key: value for standin in in_use(plan) for key, value in standin.env(plan).items()}


def pages(plan: Plan) -> dict[str, str]:
    """Return what the stand-ins show in a browser, by label."""
    return {label: url for standin in in_use(plan) for label, url in standin.pages(plan).items()}


def needed_by(plan: Plan, service: str) -> tuple[str, ...]:
    """Return the stand-ins that must be ready before a service starts."""
    return tuple(standin.name for standin in in_use(plan) if service in NEEDED_BY.get(standin.name, ()))
