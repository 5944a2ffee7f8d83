"""Fills a new mesh with the demo's accounts and courses, once per data directory."""

import hashlib
import sys
from pathlib import Path

from deploy.local import table
from deploy.local.child import spawn
from deploy.local.plan import ROOT, Plan
from deploy.local.trouble import MeshTrouble

RECORD = "seeded.json"
PROGRAM = Path(__file__).with_name("seed.py")


def seed(plan: Plan) -> str:
    """Run the seeding program with identity's environment, unless this data directory has seen this version of it."""
    version = hashlib.sha256(PROGRAM.read_bytes()).hexdigest()
    if plan.state.read(RECORD).get("version") == version:
        return "already there"
    log = plan.logs / "seed.log"
    environment = table.service_environment(plan, "identity")
    child = spawn((sys.executable, "-m", "deploy.local.seed"), log, env=environment, cwd=ROOT)
    failed = child.process.wait() != 0
    child.reap()
    if failed:
        raise MeshTrouble(f"the demo data could not be made: {child.last_words(1)} (log: {log})")
    plan.state.write(RECORD, {"version": version})
    return "accounts and courses"
