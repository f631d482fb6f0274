"""The options of a run: those of every command that runs stages, and of no single stage.

They change how the work is done and how far it goes, never a row that it makes.
"""

from collections.abc import Mapping
from typing import Any, Literal, Self

from pydantic import ValidationError, model_validator

from vidcurate.errors import UsageError
from vidcurate.options import StageConfig, option, plain_words

# What an estimate leaves to the run itself.
RUN_ONLY = ("wave", "retry_failed", "max_failed", "allow_loss", "push_to", "dry_run")
EngineName = Literal["local", "ray", "inline"]


class RunOptions(StageConfig):
    """Where work runs, how much of it, and what happens to failures."""

    engine: EngineName = option(
        "local",
        "Where work runs: local is processes on this machine, ray a cluster, inline this process",
    )
    address: str | None = option(
        None, "The Ray cluster, HOST:PORT or auto; none is $RAY_ADDRESS, or a cluster started here"
    )
    workers: int | None = option(
        None,
        "Worker processes; none is one for each core that this process may use, by affinity, "
        "container or Slurm",
        ge=1,
    )
    memory_per_worker_gb: float | None = option(
        None,
        "A worker that takes more memory is killed; none is its share of 80 % of the memory",
        unit="GB",
        ge=0.1,
    )
    time_limit_factor: float = option(
        1.0, "Stretches the time after which a worker that is stuck on a video is killed", ge=0.01
    )
    limit: int | None = option(None, "Work on the first videos only, at most this many", ge=1)
    wave: int | None = option(
        None, "Take videos through all stages this many at a time; none is all at once", ge=1
    )
    without: tuple[str, ...] = option(
        (),
        "Leave out this stage, or the stage of this table, which others use but do not need; "
        "repeat for more",
    )
    retry_failed: bool = option(False, "Try failed rows again")
    max_failed: int | None = option(None, "Stop when more rows fail than this", ge=0)
    allow_loss: bool = option(
        False, "Let an export lose clips, captions or columns that failed or are gone since"
    )

    push_to: str | None = option(
        None, "Upload the export that is made to a repository of a hub, as hub:user/name"
    )
    dry_run: bool = option(False, "Only list what push_to would upload, and upload nothing")

    @model_validator(mode="after")
    def check_dry_run(self) -> Self:
        """Refuse a dry run of nothing; raises ValueError."""
        if self.dry_run and not self.push_to:
            raise ValueError(
                "dry_run lists what push_to would upload: give push_to too; what a run would do is "
                "told by `vidcurate estimate`"
            )
        return self

    @model_validator(mode="after")
    def check_address(self) -> Self:
        """Refuse an address without the engine that it belongs to; raises ValueError."""
        if self.address and self.engine != "ray":
            raise ValueError("an address is that of a Ray cluster: choose the engine ray")
        return self


def run_options(given: Mapping[str, Any]) -> RunOptions:
    """The options of a run that were given, checked; the others have their defaults.

    Raises UsageError with a line for each that does not fit.
    """
    try:
        return RunOptions.model_validate(dict(given))
    except ValidationError as error:
        faults = [
            ": ".join([*map(str, e["loc"]), plain_words(RunOptions, e)]) for e in error.errors()
        ]
        raise UsageError("\n".join(faults)) from error
