"""`python -m tests.drill`: every drill on a mesh of its own; writes build/drill.json and ends with 1 if one failed."""

import argparse
import secrets
import sys
import time

from deploy.local.board import Lines
from deploy.local.trouble import MeshTrouble
from tests.drill import crash, relay, report, rolling
from tests.drill.report import Entry
from tests.drill.site import NeverCame, Site

LONG_SECONDS, QUICK_SECONDS = 150.0, 25.0
LONG_CONTROL_SECONDS, QUICK_CONTROL_SECONDS = 15.0, 4.0
LONG_RELAY_SECONDS, QUICK_RELAY_SECONDS, RELAY_CONTROL_SECONDS = 45.0, 6.0, 3.0


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.drill", description=__doc__)
    parser.add_argument(
        "--seconds", type=float, help=f"of load with faults ({LONG_SECONDS:.0f}; quick: {QUICK_SECONDS:.0f})"
    )
    parser.add_argument("--seed", type=int, help="draws the faults and what clients choose (a new one each time)")
    parser.add_argument("--clients", type=int, default=6, help="students at a time (6)")
    parser.add_argument("--faults", type=int, help="how many at most (as many as there is time for)")
    parser.add_argument("--every", type=float, help="seconds from one fault's end to the next (3; quick: 2)")
    parser.add_argument("--quick", action="store_true", help="the short form, as in the tests")
    parser.add_argument("--only", choices=(crash.NAME, relay.NAME, rolling.NAME), help="this drill alone")
    return parser.parse_args()


def crash_settings(chosen: argparse.Namespace, seed: int) -> crash.Settings:
    return crash.Settings(
        seconds=chosen.seconds or (QUICK_SECONDS if chosen.quick else LONG_SECONDS),
        seed=seed,
        clients=chosen.clients,
        every_seconds=chosen.every or (2.0 if chosen.quick else 3.0),
        faults=chosen.faults,
        pause_seconds=3.0 if chosen.quick else 8.0,
    )


def relay_settings(chosen: argparse.Namespace, seed: int) -> relay.Settings:
    return relay.Settings(
        seconds=QUICK_RELAY_SECONDS if chosen.quick else LONG_RELAY_SECONDS,
        seed=seed,
        faults=chosen.faults,
        every_seconds=1.0 if chosen.quick else 3.0,
    )


def run(chosen: argparse.Namespace) -> list[Entry]:
    seed = chosen.seed if chosen.seed is not None else secrets.randbelow(1_000_000)
    began = time.monotonic()

    def say(line: str) -> None:
        print(f"{time.monotonic() - began:7.1f}  {line}", flush=True)

    entries = []
    with Site(Lines()) as site:
        if chosen.only in (None, crash.NAME):
            say(f"{crash.NAME}, seed {seed}")
            control = QUICK_CONTROL_SECONDS if chosen.quick else LONG_CONTROL_SECONDS
            entries.append(crash.drill(site, crash_settings(chosen, seed), control, say)[0])
        if chosen.only in (None, relay.NAME):
            say(f"{relay.NAME}, seed {seed}")
            entries.append(relay.drill(site, relay_settings(chosen, seed), RELAY_CONTROL_SECONDS, say))
        if chosen.only in (None, rolling.NAME):
            say(f"{rolling.NAME}, seed {seed}")
            settings = rolling.Settings(seed, clients=chosen.clients, rounds=1 if chosen.quick else 3)
            entries.append(rolling.drill(site, settings, say))
    return entries


def tell(entry: Entry) -> None:
    print(f"\n{entry.name}: {'passed' if entry.passed else 'FAILED'} (seed {entry.seed}, {entry.seconds:.0f} s)")
    figures = ("attempted", "acked", "lost", "unexpected", "recovered", "dup_effects", "order_violations")
    for name in (*figures, "invariant_breaks", "refused", "dup_deliveries", "max_stall_s", "drain_s"):
        print(f"  {name:<18}{getattr(entry, name)}")
    print(f"  {'faults':<18}{sum(entry.faults.values())}: {', '.join(f'{k} {v}' for k, v in entry.faults.items())}")
    if control := entry.negative_control:
        print(f"  {'control':<18}{control.name}: {'fired' if control.fired else 'DID NOT FIRE'} {control.counts}")
    for name, places in entry.places.items():
        for place in places[: report.MOST_SHOWN]:
            print(f"  ! {name}: {place}")


def main() -> int:
    try:
        entries = run(arguments())
    except (MeshTrouble, NeverCame) as trouble:
        print(f"campus: the drill could not be held: {trouble}", file=sys.stderr)
        return 1
    report.write(entries)
    for entry in entries:
        tell(entry)
    print(f"\n{report.REPORT}")
    return 0 if all(entry.passed for entry in entries) else 1


if __name__ == "__main__":
    sys.exit(main())
