"""Fills a new mesh with the demo's accounts and courses, once per data directory."""

import hashlib
import secrets
import sys
from pathlib import Path

from deploy.local import table
from deploy.local.child import spawn
from deploy.local.demo_accounts import ACCOUNTS
from deploy.local.plan import ROOT, Plan
from deploy.local.trouble import MeshTrouble

RECORD = "seeded.json"
SOURCES = tuple(Path(__file__).with_name(name) for name in ("seed.py", "catalogue.py", "demo_accounts.py"))


def seed(plan: Plan) -> str:
    """Run the seeding program with identity's environment, unless this data directory has seen this version of it."""
    whole = "catalog" in plan.choices.services
    version = hashlib.sha256(b"".join(source.read_bytes() for source in SOURCES)).hexdigest() + ("" if whole else "-")
    kept = plan.state.read(RECORD)
    if kept.get("version") == version:
        return "already there"
    password = kept.get("password") or secrets.token_urlsafe(9)
    plan.state.write(RECORD, {**kept, "password": password})
    log = plan.logs / "seed.log"
    environment = {**table.service_environment(plan, "identity"), "CAMPUS_DEMO_PASSWORD": password}
    command = (sys.executable, "-m", "deploy.local.seed", *(() if whole else ("--no-courses",)))
    child = spawn(command, log, env=environment, cwd=ROOT)
    failed = child.process.wait() != 0
    child.reap()
    if failed:
        raise MeshTrouble(f"the demo data could not be made: {child.last_words(1)} (log: {log})")
    plan.state.write(RECORD, {"version": version, "password": password})
    return "accounts and courses" if whole else "accounts"


def accounts(plan: Plan) -> dict[str, str]:
    """Return who can sign in, by role; empty before the first seeding."""
    password = plan.state.read(RECORD).get("password")
    return {role: f"{account.email}  {password}" for role, account in ACCOUNTS.items()} if password else {}
