"""The cores and the memory that this process may use, often less than the machine has.

The scheduler's affinity, a container's or service's control group and a batch system each set
limits; the smallest counts.
"""

import math
import os
import resource
from collections.abc import Iterator, Mapping
from pathlib import Path

MIB = 1 << 20  # what Slurm calls a megabyte
ROOT = Path("/")


def cores(root: Path = ROOT, environment: Mapping[str, str] = os.environ) -> int:
    """How many cores this process may use, at least 1; a part of a core counts as one.

    `root` holds /proc and /sys. SLURM_CPUS_PER_TASK, or else SLURM_CPUS_ON_NODE, is Slurm's limit.
    """
    given = environment.get("SLURM_CPUS_PER_TASK") or environment.get("SLURM_CPUS_ON_NODE", "")
    limits = [float(affinity()), *cpu_quotas(root)]
    if given.isdigit() and int(given):
        limits.append(int(given))
    return max(1, math.ceil(min(limits)))


def affinity() -> int:
    """The cores that this process may run on; all where the system sets none."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def memory_bytes(root: Path = ROOT, environment: Mapping[str, str] = os.environ) -> int:
    """Bytes of memory that this process and those it starts may use.

    `root` holds /proc and /sys. SLURM_MEM_PER_NODE, or else SLURM_MEM_PER_CPU times the cores, is
    Slurm's limit (MiB; 0 is all of the node).
    """
    whole = os.sysconf("SC_PHYS_PAGES") * resource.getpagesize()
    limits = [whole, *memory_limits(root)]
    node, cpu = (environment.get(f"SLURM_MEM_PER_{of}", "") for of in ("NODE", "CPU"))
    if node.isdigit() and int(node):
        limits.append(int(node) * MIB)
    elif cpu.isdigit() and int(cpu):
        limits.append(int(cpu) * MIB * cores(root, environment))
    return min(limits)


def cpu_quotas(root: Path) -> Iterator[float]:
    """The CPU time that control groups (versions 2 and 1) allow, in cores."""
    for folder in groups(root, "cpu"):
        quota, _, period = read(folder / "cpu.max").partition(" ")
        if not quota:
            quota, period = (read(folder / f"cpu.cfs_{what}_us") for what in ("quota", "period"))
        if quota.isdigit() and period.isdigit() and int(period):
            yield int(quota) / int(period)


def memory_limits(root: Path) -> Iterator[int]:
    """The bytes that control groups (versions 2 and 1) allow.

    At memory.high the kernel does not kill a process, but slows it down to a standstill.
    """
    for folder in groups(root, "memory"):
        for name in ("memory.max", "memory.high", "memory.limit_in_bytes"):
            limit = read(folder / name)
            if limit.isdigit():
                yield int(limit)


def groups(root: Path, controller: str) -> Iterator[Path]:
    """The folders of this process's control groups for a controller, from its own upwards.

    A container that mounts its own group as the root names a path that does not exist; the root
    then holds the limits.
    """
    top = root / "sys/fs/cgroup"
    for line in read(root / "proc/self/cgroup").splitlines():
        _, controllers, path = line.split(":", 2)
        if controllers and controller not in controllers.split(","):
            continue
        hierarchies = [controllers, controller] if controllers else ["", "unified"]
        own = Path(*(part for part in Path(path).parts if part not in ("/", "..")))
        for hierarchy in dict.fromkeys(hierarchies):
            for at in (own, *own.parents) if own.parts else (own,):
                yield top / hierarchy / at


def read(file: Path) -> str:
    """The text of a system file; empty where it does not exist or cannot be read."""
    try:
        return file.read_text("ascii").strip()
    except (OSError, UnicodeDecodeError):
        return ""
