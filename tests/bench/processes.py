"""What a process costs and which core it runs on, asked of the kernel."""

import os
import time
from contextlib import suppress
from pathlib import Path

CORES = sorted(os.sched_getaffinity(0))
SERVER_CORE, LOAD_CORE = CORES[0], CORES[-1]


def cpu_seconds(pid: int) -> float:
    """Processor time of all threads of a process so far, to the nanosecond."""
    # The kernel's number for the processor clock of another process: see CPUCLOCK_SCHED in clock_getcpuclockid(3).
    return time.clock_gettime(~pid << 3 | 2)


def pin(pid: int, *cores: int) -> None:
    """Lets a process, and each thread that it has, run on these cores only; without any, on all of ours."""
    for task in Path(f"/proc/{pid}/task").iterdir():
        with suppress(ProcessLookupError):  # a thread that has just ended
            os.sched_setaffinity(int(task.name), cores or CORES)


def pin_self(*cores: int) -> None:
    """The same for the thread that calls, and the processes that it starts."""
    os.sched_setaffinity(0, cores or CORES)


def machine() -> dict[str, object]:
    """What this was measured on."""
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return {"cpu": next(iter(names), "unknown"), "cores": len(CORES), "kernel": os.uname().release}


def load() -> float:
    """Processes that wanted to run, on average over the last minute: those of others too."""
    return round(os.getloadavg()[0], 2)
