import os
from pathlib import Path

import pytest

from vidcurate.engines.resources import affinity, cores, memory_bytes

GIB = 1 << 30
MANY = affinity()


def machine(root: Path, files: dict[str, str]) -> Path:
    """A tree of made-up files below /proc and /sys."""
    for name, text in files.items():
        file = root / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(f"{text}\n", "ascii")
    return root


OWN_V2 = {"proc/self/cgroup": "0::/user.slice/job.scope"}
OWN_V1 = {"proc/self/cgroup": "5:cpu,cpuacct:/job\n4:memory:/job\n0::/"}
AT = "sys/fs/cgroup"


@pytest.mark.parametrize(
    ("files", "environment", "expected"),
    [
        ({}, {}, MANY),
        ({**OWN_V2, f"{AT}/user.slice/job.scope/cpu.max": "50000 100000"}, {}, 1),
        ({**OWN_V2, f"{AT}/user.slice/cpu.max": "20000 100000"}, {}, 1),
        ({**OWN_V2, f"{AT}/user.slice/cpu.max": "max 100000"}, {}, MANY),
        ({"proc/self/cgroup": "0::/../other", f"{AT}/cpu.max": "1000 100000"}, {}, 1),
        (
            {
                **OWN_V1,
                f"{AT}/cpu,cpuacct/job/cpu.cfs_quota_us": "100000",
                f"{AT}/cpu,cpuacct/job/cpu.cfs_period_us": "100000",
            },
            {},
            1,
        ),
        (
            {
                **OWN_V1,
                f"{AT}/cpu/cpu.cfs_quota_us": "-1",
                f"{AT}/cpu/cpu.cfs_period_us": "100000",
            },
            {},
            MANY,
        ),
        ({}, {"SLURM_CPUS_PER_TASK": "1", "SLURM_CPUS_ON_NODE": "64"}, 1),
        ({}, {"SLURM_CPUS_ON_NODE": "1"}, 1),
        ({}, {"SLURM_CPUS_ON_NODE": "4096"}, MANY),
    ],
)
def test_cores_are_the_least_that_any_limit_leaves(
    tmp_path: Path, files: dict[str, str], environment: dict[str, str], expected: int
) -> None:
    """Affinity, the quotas of the own control group and of those above it, and Slurm."""
    assert cores(machine(tmp_path, files), environment) == expected


def test_a_part_of_a_core_counts_as_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A quota of two and a half cores is three workers."""
    monkeypatch.setattr(os, "sched_getaffinity", lambda _pid: set(range(64)), raising=False)
    files = {**OWN_V2, f"{AT}/user.slice/job.scope/cpu.max": "250000 100000"}
    assert cores(machine(tmp_path, files), {}) == 3


@pytest.mark.parametrize(
    ("files", "environment", "expected"),
    [
        ({**OWN_V2, f"{AT}/user.slice/job.scope/memory.max": str(GIB)}, {}, GIB),
        (
            {
                **OWN_V2,
                f"{AT}/user.slice/job.scope/memory.max": "max",
                f"{AT}/user.slice/memory.high": str(GIB),
                f"{AT}/user.slice/memory.max": str(2 * GIB),
            },
            {},
            GIB,
        ),
        ({"proc/self/cgroup": "0::/", f"{AT}/memory.max": str(GIB)}, {}, GIB),
        ({**OWN_V1, f"{AT}/memory/job/memory.limit_in_bytes": str(GIB)}, {}, GIB),
        ({}, {"SLURM_MEM_PER_NODE": "1024"}, GIB),
        ({}, {"SLURM_MEM_PER_CPU": "512", "SLURM_CPUS_ON_NODE": "1"}, GIB // 2),
    ],
)
def test_memory_is_the_least_that_any_limit_leaves(
    tmp_path: Path, files: dict[str, str], environment: dict[str, str], expected: int
) -> None:
    """Also that of a service's slice or of a Slurm job, whose group is not the root."""
    assert memory_bytes(machine(tmp_path, files), environment) == expected


def test_without_limits_it_is_all_that_is_built_in(tmp_path: Path) -> None:
    """Slurm's 0 is all of the node."""
    built_in = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    assert memory_bytes(tmp_path, {}) == built_in
    assert memory_bytes(tmp_path, {"SLURM_MEM_PER_NODE": "0"}) == built_in
