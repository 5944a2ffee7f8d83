"""A process that outlives its parent just long enough to end the process groups the parent left behind.

It reads lines from its standard input: `+PGID SIGNAL` when a group was started, `-PGID` when it has ended. The end of
the input means that the parent is gone, by whatever way, SIGKILL included. Run with `python -I -S`: standard library
only.
"""

import os
import signal
import sys
import time

PATIENCE_SECONDS = 8.0


def alive(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def send(group: int, number: int) -> None:
    try:
        os.killpg(group, number)
    except (ProcessLookupError, PermissionError):
        return


def end(groups: dict[int, int]) -> None:
    for group, number in groups.items():
        send(group, number)
    deadline = time.monotonic() + PATIENCE_SECONDS
    while any(alive(group) for group in groups) and time.monotonic() < deadline:
        time.sleep(0.05)
    for group in groups:
        send(group, signal.SIGKILL)


def main() -> None:
    groups: dict[int, int] = {}
    for line in sys.stdin:
        words = line.split()
        if words[0].startswith("+"):
            groups[int(words[0][1:])] = int(words[1])
        else:
            groups.pop(int(words[0][1:]), None)
    end(groups)


if __name__ == "__main__":
    main()
