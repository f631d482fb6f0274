"""How far a run gets until it hands out its first batch; `bench_load.py` measures this."""

import argparse
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import NoReturn, TypeVar

from vidcurate.analysis.view import recorded_stages
from vidcurate.cli.output import Quiet
from vidcurate.engines.base import ONE_CORE, Crash, Needs
from vidcurate.pipeline.resolve import resolve
from vidcurate.pipeline.run import Run
from vidcurate.pipeline.runner import run_pipeline
from vidcurate.stages.registry import STAGES
from vidcurate.store.dataset import Dataset

Item = TypeVar("Item")
Result = TypeVar("Result")


class FirstBatch:
    """An engine that ends the process when it is handed a batch."""

    workers = 2
    isolates = True

    def map(
        self,
        task: Callable[[Item], Result],
        items: Iterable[Item],
        *,
        needs: Needs = ONE_CORE,
        at_most: int | None = None,
        fresh: bool = False,
    ) -> Iterator[tuple[Item, Result | Crash]]:
        """Nothing, where there is nothing to do."""
        del task, needs, at_most, fresh
        for _ in items:
            raise SystemExit(0)
        return iter(())

    def stop(self) -> None:
        """Nothing is in hand."""

    def suspend(self) -> None:
        """Nothing is in hand."""

    def resume(self) -> None:
        """Nothing is in hand."""

    def kill(self) -> None:
        """Nothing is in hand."""


def main() -> NoReturn:
    """Go on with the data set's own stages, until the first batch is handed out."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    folder = parser.parse_args().folder.absolute()
    dataset = Dataset(folder)
    plan = resolve(dataset, STAGES, recorded_stages(folder), {})
    run_pipeline(Run(dataset, FirstBatch(), Quiet()), plan)
    raise SystemExit("no batch was handed out: is nothing missing?")


if __name__ == "__main__":
    main()
