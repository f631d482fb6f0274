"""What a stage is: options, one function and a declaration, and the fingerprint of them."""

import hashlib
import json
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Generic, Protocol, TypeVar

import pyarrow as pa

from vidcurate.errors import MediaError
from vidcurate.options import StageConfig, given_options
from vidcurate.store.dataset import DONE
from vidcurate.store.storage import Location
from vidcurate.store.table import Table

# Stands in a fingerprint for the path of a file, whose content `depends` tells.
BY_CONTENT = "by content"
R = TypeVar("R")
In = TypeVar("In")
Out = TypeVar("Out")
Cfg = TypeVar("Cfg", bound="StageConfig")
Tool = TypeVar("Tool")


@dataclass(frozen=True, slots=True)
class Loss:
    """What of an input is in none of its rows: of one kind so many, and how much video that is."""

    what: str
    count: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Drop:
    """An input left out on purpose."""

    reason: str
    losses: tuple[Loss, ...] = ()


@dataclass(frozen=True, slots=True)
class Incomplete(Generic[R]):
    """The rows of an input that is done, and what of it is in none of them."""

    rows: list[R]
    losses: tuple[Loss, ...]


@dataclass(frozen=True, slots=True)
class Resources:
    """What one worker of a stage takes; `at_most` bounds how many run at once.

    `custom` names what nodes of a Ray cluster declare (`ray start --resources`) and how much of it.
    """

    cpus: float = 1
    gpus: float = 0
    at_most: int | None = None
    custom: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class RequestEstimate:
    """To whom a stage sends requests, and how many a row takes.

    It takes at least so many if `is_minimum`, and at most so many if `is_maximum`.
    """

    to: str
    per_row: int = 1
    is_minimum: bool = True
    is_maximum: bool = False


@dataclass(frozen=True)
class Lookup:
    """A table that is looked up by key while mapping, or joined in a finish.

    One that is not `required` is used where the data set has it. `when` says for which options
    the table is needed at all. A table stage is given only the `columns` named, if any are. One
    that does not decide (`decides`) is read while mapping, but rows stay when it is made anew. A
    map stage is given, of a table that is looked up `by` a column which is not its key, all rows
    that have the value of the input's column of that name.
    """

    table: Table[Any]
    required: bool = True
    when: Callable[[Any], bool] | None = None
    columns: tuple[str, ...] | None = None
    decides: bool = True
    by: str = ""


class Workspace(Protocol):
    """What a stage sees of the data set."""

    @property
    def files(self) -> Path:
        """The folder for files that this stage's own rows name; names begin with the video's id."""
        ...

    def has(self, table: Table[Any]) -> bool:
        """Whether an optional table is there."""

    def lookup(self, table: Table[R]) -> Mapping[str, R]:
        """The rows of a declared table that belong to the batch in progress, by key."""

    def lookup_all(self, table: Table[R]) -> Mapping[str, Sequence[R]]:
        """The rows of a table that is declared `by` a column, in their order, by its values."""

    def drop_reason(self, table: Table[Any], key: str) -> str | None:
        """Why the stage of a declared table left an input out; None where it did not."""

    def file_of(self, table: Table[Any], name: str) -> Path:
        """A file that another table's row names, on this machine."""


class RowSlices(Protocol):
    """Rows of a table that are too many for memory, read a slice at a time."""

    def rows(self, start: int, length: int) -> pa.Table:
        """The rows from `start` on; nulls where a key has no row."""


class DatasetView(Protocol):
    """What a stage's finish sees of the data set: whole tables, and files in their folders."""

    @property
    def root(self) -> Location:
        """The data set's folder."""
        ...

    @property
    def dataset_id(self) -> str | None:
        """The id that marks what this data set wrote elsewhere; None before its first row."""
        ...

    @property
    def files(self) -> Location:
        """The folder of the files that this stage's own rows name."""
        ...

    @property
    def allows_loss(self) -> bool:
        """Whether a user wants a result that holds less than the one that is there."""
        ...

    @property
    def push_to(self) -> str | None:
        """Where a user wants the result uploaded to."""
        ...

    @property
    def dry_run(self) -> bool:
        """Whether a user only wants to know what would be uploaded."""
        ...

    def files_of(self, table: Table[Any]) -> Location:
        """The folder of the files that another table's rows name."""

    def has(self, table: Table[Any]) -> bool:
        """Whether an optional table is there."""

    def lookup(self, table: Table[R]) -> Mapping[str, R]:
        """All rows of a declared table, by key."""

    def scan(self, table: Table[Any], columns: Sequence[str] | None = None) -> pa.Table:
        """The rows of live videos in a declared table, or in this stage's own."""

    def dropped_videos(self) -> set[str]:
        """The ids of videos that the user dropped."""

    def done(self, table: Table[Any]) -> pa.Table:
        """What became of each input of a declared table's stage: its `id`, `status`, `reason`."""

    def locate(self, table: Table[Any], keys: pa.ChunkedArray) -> RowSlices:
        """The rows of these keys, in their order, read a slice at a time."""

    def provenance(self) -> Mapping[str, Any]:
        """The manifest: what made each table."""

    def funnel(self) -> Sequence[Mapping[str, Any]]:
        """Counts of every stage: inputs, ok, dropped by reason, failed."""


def one_worker(_config: StageConfig) -> Resources:
    """The `resources` of most stages: one core, no GPU."""
    return Resources()


def no_tool(_config: StageConfig, _workspace: Workspace) -> Any:
    """The `open` of a stage that needs nothing but its rows and the workspace."""
    return None


def no_limit(_row: Any, _config: StageConfig) -> float | None:
    """The `time_limit` of a stage whose rows take as long as they take."""
    return None


def no_requests(_config: StageConfig) -> RequestEstimate | None:
    """The `requests` of a stage that asks no model."""
    return None


def nothing_to_check(_config: StageConfig, _others: Mapping[str, StageConfig]) -> str | None:
    """The `check` of a stage that runs anywhere."""
    return None


def can_finish(_config: StageConfig, _view: DatasetView) -> None:
    """The `check` of a finish that writes nothing outside the data set."""


def no_files(_config: StageConfig) -> Mapping[str, str]:
    """The `contents` of a stage whose options name no file."""
    return {}


def nothing_else(_config: StageConfig) -> str:
    """The `depends` of a stage that its options describe in full."""
    return ""


@dataclass(frozen=True)
class Cost:
    """What a stage's rows take, and what can be done about it.

    `requests` says whom a stage sends requests, which may cost money. `time_limit` is how many
    seconds may pass before a row's result, counted from the start or from the result before it;
    past it the worker is killed, so it belongs to code that may hang, and is generous. `advice`
    names the options, as stage.option, that make the stage cheaper. An expensive stage is not
    given inputs that a later table stage rejects anyway.
    """

    resources: Callable[[Any], Resources] = one_worker
    requests: Callable[[Any], RequestEstimate | None] = no_requests
    time_limit: Callable[[Any, Any], float | None] = no_limit
    advice: str = ""
    is_expensive: bool = False


@dataclass(frozen=True)
class Version:
    """What decides a stage's rows besides its options; it enters the fingerprint.

    `number` rises when the code gives other rows. `depends` returns what else decides them, such
    as a prompt's text. `contents` replaces options that name a file, since a file's content counts
    and not its path.
    """

    number: int = 1
    depends: Callable[[Any], str] = nothing_else
    contents: Callable[[Any], Mapping[str, str]] = no_files


@dataclass(frozen=True)
class Finish:
    """What a stage does once, when all its rows are there.

    `run` returns a message for the user, "" for none. `check` raises UsageError, before anything
    runs, where `run` cannot work. `lookups` are the tables that `run` reads. With `at_once` it runs
    as soon as the rows are there, before other stages do, so that it is done also where nothing
    comes out of the run or an export is refused.
    """

    run: Callable[[Any, DatasetView], str]
    check: Callable[[Any, DatasetView], None] = can_finish
    lookups: tuple[Lookup, ...] = ()
    at_once: bool = False


@dataclass(frozen=True)
class Settling:
    """Options that only the data decide, such as sizes that lose least of the clips at hand.

    `open_option` names one that is open, "" where there is none. `run` returns the options with
    what stands for it, and a message for the user; it is called when the tables that the stage
    reads are up to date.
    """

    open_option: Callable[[Any], str]
    run: Callable[[Any, DatasetView], tuple[Any, str]]


@dataclass(frozen=True)
class MapStage(Generic[In, Out, Cfg, Tool]):
    """A stage that takes each input row by itself: expensive, parallel, resumed row by row.

    `open` runs once in a worker and loads the models. `run` yields one result for each input, in
    order: its rows, its rows with losses (Incomplete), a Drop, or the MediaError by which it
    failed. An exception is the failure of the current row; the rows after it are run again one by
    one. `check` raises UsageError, before anything runs, for what cannot be done on this machine
    or does not fit the options of the other stages that run (given by name); it may return a
    message for the user. `outdated` returns the keys of inputs whose rows were made from a file
    that has changed since: their rows are withdrawn and made again. `settling` replaces options
    that the data decide, before the stage runs and before its fingerprint is made. `version_of`
    names the stage that would make the same rows of the same options, where this is that stage
    under another name. `narrowed` is a table with some of the rows of `reads`, which is read in
    its place where its stage runs.
    """

    name: str
    summary: str
    reads: Table[In]
    writes: Table[Out]
    config: type[Cfg]
    run: Callable[
        [Sequence[In], Cfg, Tool, Workspace],
        Iterator[list[Out] | Incomplete[Out] | Drop | MediaError],
    ]
    open: Callable[[Cfg, Workspace], Tool] = no_tool
    narrowed: Table[In] | None = None
    lookups: tuple[Lookup, ...] = ()
    check: Callable[[Cfg, Mapping[str, StageConfig]], str | None] = nothing_to_check
    outdated: Callable[[Cfg, DatasetView], pa.Array] | None = None
    finish: Finish | None = None
    settling: Settling | None = None
    cost: Cost = Cost()
    version: Version = Version()
    rows_per_part: int = 256
    version_of: str = ""


@dataclass(frozen=True)
class Outcome:
    """The result of a table stage: its rows, one a key, and what became of every input.

    `done` has a row an input: `id`, `status`, `reason` and `seconds`. `message` is what a user
    should know beside the counts.
    """

    rows: pa.Table
    done: pa.Table
    message: str = ""

    @classmethod
    def from_status(
        cls,
        rows: pa.Table,
        ids: pa.ChunkedArray,
        status: pa.ChunkedArray,
        reason: pa.ChunkedArray,
        seconds: pa.ChunkedArray | None = None,
    ) -> "Outcome":
        """An outcome whose inputs `ids` have a status and a reason each; seconds are optional."""
        seconds = pa.nulls(len(ids), pa.float64()) if seconds is None else seconds
        done = {"id": ids, "status": status, "reason": reason, "seconds": seconds}
        return cls(rows, pa.table(done, schema=DONE))


@dataclass(frozen=True)
class TableStage(Generic[In, Out, Cfg]):
    """A stage that sees whole tables: cheap, in Arrow, redone where one of them has changed.

    `lookups` returns the tables that it joins to its inputs, as its options need them. `rejects`
    returns the keys of those inputs that `run` drops whatever the tables hold that it is not given.
    A stage that `takes_lists` works on items of lists that its options name: its `done` has a row
    for each item, whose id is a key of `writes`.
    """

    name: str
    summary: str
    reads: Table[In]
    writes: Table[Out]
    config: type[Cfg]
    run: Callable[[Mapping[str, pa.Table], Cfg], Outcome]
    lookups: Callable[[Cfg], tuple[Lookup, ...]]
    rejects: Callable[[Mapping[str, pa.Table], Cfg], pa.ChunkedArray] | None = None
    takes_lists: bool = False
    cost: Cost = Cost()
    version: Version = Version()


Stage = MapStage[Any, Any, Any, Any] | TableStage[Any, Any, Any]


def reading(stage: Stage, present: Collection[str]) -> Stage:
    """The stage as it reads the table that narrows its own, where that is among the present."""
    if isinstance(stage, MapStage) and stage.narrowed and stage.narrowed.name in present:
        return replace(stage, reads=stage.narrowed, narrowed=None)
    return stage


def takes_lists(stage: Stage) -> bool:
    """Whether what became of a stage's inputs is told of items of lists, not of rows."""
    return isinstance(stage, TableStage) and stage.takes_lists


def read_while_running(stage: Stage, config: StageConfig) -> tuple[Lookup, ...]:
    """The tables that a stage looks up or joins while it runs, with these options."""
    declared = stage.lookups if isinstance(stage, MapStage) else stage.lookups(config)
    return tuple(lookup for lookup in declared if lookup.when is None or lookup.when(config))


def read_at_finish(stage: Stage, config: StageConfig) -> tuple[Lookup, ...]:
    """The tables that a stage's finish reads; they do not change its rows."""
    declared = stage.finish.lookups if isinstance(stage, MapStage) and stage.finish else ()
    return tuple(lookup for lookup in declared if lookup.when is None or lookup.when(config))


def fingerprint(stage: Stage, config: StageConfig, upstream: Mapping[str, str]) -> str:
    """Twelve hex digits that change when a stage's rows could.

    `upstream` maps each table that is read to its fingerprint; tables that name content are left
    out by the caller, since their keys say all.
    """
    version_of = stage.version_of if isinstance(stage, MapStage) else ""
    facts = {
        "stage": version_of or stage.name,
        "version": stage.version.number,
        "columns": [f"{field.name}: {field.type}" for field in stage.writes.schema],
        "options": {**given_options(config), **stage.version.contents(config)},
        "upstream": dict(upstream),
        "depends": stage.version.depends(config),
    }
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()[:12]
