"""How far a run is that another process does, told from the commits that it leaves.

What is done before the first look is counted once. After that only new commits are read, so that
looking again is cheap however many rows there are. Nothing is written, and no lock is taken.
"""

import shutil
import time
from collections import Counter, deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from vidcurate.analysis.view import present_plan, present_scope, read_consistently
from vidcurate.pipeline.counts import StageCount, count_stage
from vidcurate.pipeline.pruning import prune
from vidcurate.pipeline.resolve import ResolvedStage
from vidcurate.stage import TableStage
from vidcurate.store.dataset import DONE, DROPPED, FAILED, OK, Dataset, StoredTable
from vidcurate.store.lock import Writer, writer_of

# A rate is that of the last so many seconds.
RATE_WINDOW_S = 120.0
LEAST_SEEN = 3  # changes, however long ago
# A whole count of a stage that took long is not made again at once.
PAUSE_FACTOR = 5.0
COUNTED_AGAIN = 3  # times, where a run commits meanwhile
OUTCOME = pa.schema([DONE.field("id"), DONE.field("status")])

Tally = Counter[str]


@dataclass(frozen=True)
class StageProgress:
    """How far one stage is; `rate` is inputs a second and `left_s` seconds, null while unknown.

    `is_working` is whether the stage is the one that a run is at, or one of them.
    """

    stage: str
    inputs: int
    done: int
    failed: int
    pending: int
    pruned: int
    rate: float | None
    left_s: float | None
    is_working: bool


@dataclass(frozen=True)
class Progress:
    """How far a data set is, and who writes to it; `free_bytes` is null in object storage.

    Stages are those that the run has reached, or that an earlier one made.
    """

    dataset: str
    writer: Writer | None
    stages: tuple[StageProgress, ...]
    free_bytes: int | None

    @property
    def pending(self) -> tuple[str, ...]:
        """The stages that have something to do."""
        return tuple(stage.stage for stage in self.stages if stage.pending)


@dataclass
class CommitTally:
    """The outcomes in a table's commits, each of which is read once."""

    counts: Tally = field(default_factory=Counter)
    failed: set[str] = field(default_factory=set)
    counted: set[str] = field(default_factory=set)

    def update(self, stored: StoredTable) -> Tally:
        """Count what is new; all anew where the table was compacted or replaced."""
        stored.read_consistently(lambda commits: self.add(stored, commits))
        return Counter(self.counts)

    def add(self, stored: StoredTable, commits: Mapping[str, object]) -> None:
        """Count the commits that are not counted yet."""
        if not self.counted <= commits.keys():
            self.counts, self.failed, self.counted = Counter(), set(), set()
        for name in commits:
            if name not in self.counted:
                self.count(stored.read_files([name], OUTCOME))
                self.counted.add(name)

    def count(self, done: pa.Table) -> None:
        """Add the outcomes of a commit; an input that failed before and is tried again moves."""
        if self.failed:
            again = pa.array(sorted(self.failed), pa.string())
            tried = done["id"].filter(pc.is_in(done["id"], value_set=again)).to_pylist()
            self.failed -= {*tried}
            self.counts[FAILED] -= len({*tried})
        for found in pc.value_counts(done["status"]).to_pylist():
            self.counts[found["values"]] += found["counts"]
        self.failed |= {*done["id"].filter(pc.equal(done["status"], FAILED)).to_pylist()}


@dataclass
class StageWatch:
    """What is known of one stage from one look to the next.

    `whole` is its last whole count, made when the tables were as `of` says and `tally` stood.
    """

    tally: CommitTally = field(default_factory=CommitTally)
    at_whole: Tally = field(default_factory=Counter)
    whole: StageCount | None = None
    of: tuple[object, ...] = ()
    grew_at: float | None = None
    took_s: float = 0.0
    counted_at: float = 0.0
    seen: deque[tuple[float, int]] = field(default_factory=deque)

    @property
    def since(self) -> Tally:
        """What was done since the whole count."""
        since = Counter(self.tally.counts)
        since.subtract(self.at_whole)
        return since

    @property
    def pending(self) -> int:
        """How many inputs are still to be done."""
        return max(0, self.whole.pending - self.since.total()) if self.whole else 0

    def rate(self, now: float, done: int) -> float | None:
        """Inputs a second of late; None before any was seen to be done."""
        if self.seen and done < self.seen[-1][1]:
            self.seen.clear()  # rows were withdrawn
        if not self.seen or done != self.seen[-1][1]:
            self.seen.append((now, done))
        while self.seen[0][0] < now - RATE_WINDOW_S and len(self.seen) > LEAST_SEEN:
            self.seen.popleft()
        began, before = self.seen[0]
        return (done - before) / (now - began) if done > before else None


class ProgressReader:
    """Looks at a data set again and again."""

    def __init__(self, dataset: Dataset, clock: Callable[[], float] = time.monotonic) -> None:
        self.dataset, self.clock = dataset, clock
        self.watches: dict[tuple[str, str], StageWatch] = {}

    def look(self, *, whole: bool = False) -> Progress:
        """How far the data set is now; with `whole` all is counted anew.

        Raises what reading tables raises, such as BusyError where they change too fast.
        """
        writer = writer_of(self.dataset.root)
        stages = (
            read_consistently(self.dataset, lambda: self.stages(writer, whole=whole))
            if self.dataset.manifest()
            else ()
        )
        root = self.dataset.root
        free = shutil.disk_usage(root).free if isinstance(root, Path) and root.exists() else None
        return Progress(str(root), writer, stages, free)

    def stages(self, writer: Writer | None, *, whole: bool) -> tuple[StageProgress, ...]:
        """How far each stage is."""
        plan = present_plan(self.dataset)
        watches = []
        for resolved in plan:
            key = (resolved.stage.name, resolved.fingerprint)
            watches.append(self.watches.setdefault(key, StageWatch()))
            self.count(watches[-1], plan, resolved, whole=whole)
        working = () if writer is None else at_work(watches)
        now = self.clock()
        return tuple(
            progress(watch, now, is_working=number in working, is_run=writer is not None)
            for number, watch in enumerate(watches)
        )

    def count(
        self,
        watch: StageWatch,
        plan: tuple[ResolvedStage, ...],
        resolved: ResolvedStage,
        *,
        whole: bool,
    ) -> None:
        """Bring the counts of a stage up to date."""
        before = Counter(watch.tally.counts)
        stored = resolved.output(self.dataset)
        tally = watch.tally.update(stored)
        has_grown = watch.whole is not None and tally != before
        # Once a stage has begun, what it reads is as it will be.
        begins = has_grown and watch.grew_at is None
        watch.grew_at = self.clock() if has_grown else watch.grew_at
        of: tuple[object, ...] = (resolved.stored(self.dataset, resolved.stage.reads).listing(),)
        if isinstance(resolved.stage, TableStage):
            of = (*of, stored.listing())
        rests = self.clock() - watch.counted_at < PAUSE_FACTOR * watch.took_s
        if watch.whole is None or whole or ((begins or of != watch.of) and not rests):
            began = self.clock()
            scope = present_scope(self.dataset, plan)
            pruned = prune(self.dataset, plan, resolved, scope)
            for _ in range(COUNTED_AGAIN):
                watch.at_whole = watch.tally.update(stored)
                watch.whole = count_stage(self.dataset, resolved, pruned)
                if watch.tally.update(stored) == watch.at_whole:
                    break
            watch.of, watch.counted_at = of, self.clock()
            watch.took_s = watch.counted_at - began


def at_work(watches: Sequence[StageWatch]) -> set[int]:
    """The stages that a run is at: what grew last, else the next that has something to do."""
    grown = [(w.grew_at, number) for number, w in enumerate(watches) if w.grew_at is not None]
    latest = max(grown, default=(0.0, -1))
    growing = {number for grew_at, number in grown if grew_at == latest[0]}
    if latest[1] >= 0 and watches[latest[1]].pending:
        return growing
    later = range(latest[1] + 1, len(watches))
    return {*[number for number in later if watches[number].pending][:1]} or growing


def progress(watch: StageWatch, now: float, *, is_working: bool, is_run: bool) -> StageProgress:
    """How far a stage is, by its whole count and what was done since."""
    count, since = watch.whole, watch.since
    assert count is not None
    done = count.ok + sum(count.dropped.values()) + since[OK] + since[DROPPED]
    failed = count.failed + since[FAILED]
    rate = watch.rate(now, done + failed)
    is_lively = is_working or (watch.grew_at is not None and now - watch.grew_at < RATE_WINDOW_S)
    shown = rate if is_run and is_lively and watch.pending else None
    return StageProgress(
        stage=count.stage,
        inputs=done + failed + watch.pending,
        done=done,
        failed=failed,
        pending=watch.pending,
        pruned=count.pruned,
        rate=shown,
        left_s=watch.pending / shown if shown else None,
        is_working=is_working,
    )
