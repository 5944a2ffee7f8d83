"""Brings each service's schema up to date before the services start, and skips what has not changed."""

import hashlib
import sys
from pathlib import Path

from deploy.local.child import Child, spawn
from deploy.local.plan import ROOT, Plan
from deploy.local.trouble import MeshTrouble

RECORD = "migrated.json"


def prepare(plan: Plan) -> str:
    """Create the databases and roles that are missing."""
    for name in plan.choices.services:
        plan.postgres.ensure_service(name)
    return f"{len(plan.choices.services)} databases"


def migrate(plan: Plan) -> str:
    """Run `migrate` of every service whose migrations differ from those this data directory has seen."""
    seen = plan.state.read(RECORD)
    wanted = {name: fingerprint(ROOT / "services" / name / "migrations") for name in plan.choices.services}
    changed = [name for name in plan.choices.services if seen.get(name) != wanted[name]]
    running = [(name, _spawn(plan, name)) for name in changed]
    failed = [(name, child.log, child.last_words(1)) for name, child in running if child.process.wait() != 0]
    for _, child in running:
        child.reap()
    for name, log, words in failed:
        raise MeshTrouble(f"the migrations of {name} failed: {words} (log: {log})")
    plan.state.write(RECORD, {**seen, **wanted})
    return f"migrated {', '.join(changed)}" if changed else "nothing new"


def fingerprint(folder: Path) -> str:
    """Return a hash of all migrations in a folder."""
    digest = hashlib.sha256()
    for path in sorted(folder.rglob("*.py")):
        digest.update(f"{path.relative_to(folder)}\0".encode() + path.read_bytes() + b"\0")
    return digest.hexdigest()


def _spawn(plan: Plan, name: str) -> Child:
    urls = plan.postgres.service_urls(name)
    env = {**plan.environment, "CAMPUS_DATABASE_OWNER_URL": urls["CAMPUS_DATABASE_OWNER_URL"]}
    command = (sys.executable, "-m", f"services.{name}", "migrate")
    return spawn(command, plan.logs / f"{name}.migrate.log", env=env, cwd=ROOT)
