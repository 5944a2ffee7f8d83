"""What `run` and `status` print about a mesh."""

from pathlib import Path
from typing import Any

from deploy.local.health import is_serving
from deploy.local.mesh import Mesh, running
from deploy.local.pki import GATEWAY, Pki
from deploy.local.supervised import resident_mb
from deploy.local.trouble import MeshTrouble


def announce(mesh: Mesh) -> None:
    """Say what is where."""
    described = mesh.description()
    lines = [
        f"Campus is ready after {mesh.ready_s:.1f} s",
        "",
        *_where(described),
        *_accounts(described.get("accounts", {})),
        "",
        "Ctrl-C stops it; the data stays until `make reset`.",
    ]
    print("\n".join(lines), flush=True)


def status(state_dir: Path) -> int:
    """Show where everything is, which process does it, and what it costs."""
    described = running(state_dir)
    if described is None:
        raise MeshTrouble(f"no mesh is running in {state_dir}: start one with `make run`")
    print("\n".join(_where(described)))
    gateway = Pki(state_dir / "pki").of(GATEWAY)
    print(f"\n  {'process':<16}{'state':<13}{'pid':>8}{'ready s':>10}{'rss MB':>10}{'restarts':>10}")
    for name, process in described["processes"].items():
        memory = resident_mb(process["pid"]) if process["pid"] else 0.0
        answers = [is_serving(address, gateway) for address in described["services"].get(name, ())]
        state = "down" if not memory else "running" if not answers else "serving" if all(answers) else "not serving"
        numbers = f"{process['ready_s']:>10.2f}{memory:>10.1f}{process['restarts']:>10}"
        print(f"  {name:<16}{state:<13}{process['pid'] or '':>8}{numbers}")
    return 0


def _where(described: dict[str, Any]) -> list[str]:
    rows = {
        "Gateway": f"{described['gateway']}  (REST, gRPC and gRPC-Web)",
        "Gateway, TLS": f"{described['gateway_tls']}  (authority: {described['ca']})",
        **described["pages"],
        **{f"gRPC {name}": f"{', '.join(addresses)}  (mTLS)" for name, addresses in described["services"].items()},
        **{f"Metrics {name}": f"http://{addresses[0]}/metrics" for name, addresses in described["metrics"].items()},
        "Logs": described["logs"],
    }
    return [f"  {label:<20} {value}" for label, value in rows.items()]


def _accounts(accounts: dict[str, str]) -> list[str]:
    return [f"  {f'Demo {role}':<20} {account}" for role, account in accounts.items()]
