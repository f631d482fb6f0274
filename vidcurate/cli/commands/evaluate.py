"""The `evaluate` command: a stage's, and the means of what it measured, also against others."""

from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table as Grid
from rich.text import Text

from vidcurate.analysis.evaluation import (
    Comparison,
    EvaluationReport,
    Metric,
    ModelCost,
    evaluation_of,
)
from vidcurate.analysis.mutual_neighbours import (
    SetAgreement,
    agreement_of,
    require_vectors,
)
from vidcurate.analysis.view import read_consistently, recorded_options, require_dataset
from vidcurate.cli.commands.stage import stage_command
from vidcurate.cli.options import given_values, stage_parameters, with_parameters
from vidcurate.cli.printing import printable, tell_json
from vidcurate.cli.shared import request, shared_parameters
from vidcurate.clips.mutual_neighbours import SaturationFit
from vidcurate.errors import quantity
from vidcurate.stages.captions.evaluate import EVALUATE
from vidcurate.stages.captions.references import REFERENCES_STAGE

PANEL = "References and comparison"
run_evaluate = stage_command(EVALUATE)


def evaluate(  # noqa: D103 - it has the help of the stage's command
    references: Annotated[
        str | None,
        typer.Option(
            metavar="FILE",
            rich_help_panel=PANEL,
            help="The list of references, as `vidcurate references` takes it; without it, those "
            "that the data set has.",
            show_default=False,
        ),
    ] = None,
    captions_of: Annotated[
        str | None,
        typer.Option(
            metavar="DATASET",
            rich_help_panel=PANEL,
            help="Another data set, whose captions are the references.",
            show_default=False,
        ),
    ] = None,
    against: Annotated[
        Path | None,
        typer.Option(
            metavar="DATASET",
            rich_help_panel=PANEL,
            help="Another data set with evaluations: print the differences over the clips that "
            "both have, with the same references.",
            show_default=False,
        ),
    ] = None,
    sets: Annotated[
        bool,
        typer.Option(
            "--sets",
            rich_help_panel=PANEL,
            help="Print too how far texts and pictures of this data set agree on which clips are "
            "alike; it needs the vectors of embed and sentences.",
        ),
    ] = False,
    neighbours: Annotated[
        int,
        typer.Option(
            min=1,
            rich_help_panel=PANEL,
            help="Of --sets: nearest others of each clip that are compared.",
        ),
    ] = 10,
    **values: Any,
) -> None:
    from vidcurate.api.choice import choose_options
    from vidcurate.cli.invoke import begun, exit_if_interrupted, show_result
    from vidcurate.pipeline.config import override
    from vidcurate.pipeline.session import run_all

    other = None if against is None else require_dataset(against)
    if sets:
        require_vectors(require_dataset(Path(values["dataset"])))
    own = given_values(EVALUATE.config, values)
    choice = choose_options(EVALUATE, own, values["config"], values["dataset"])
    lists = {"file": references, "captions_of": captions_of}
    given = {name: value for name, value in lists.items() if value is not None}
    if given:
        name = REFERENCES_STAGE.name
        known = choice.given
        if name not in known:
            known = recorded_options(Path(values["dataset"]), REFERENCES_STAGE)
        config = override(known, REFERENCES_STAGE, given)
        choice = replace(choice, given={**choice.given, name: config})
    asked = request(values)
    with begun(asked, choice) as (run, plan):
        run_all(run, plan, asked.options)
    exit_if_interrupted(run)
    if not asked.as_json:
        show_result(asked, run, plan)
    found = read_consistently(run.dataset, lambda: evaluation_of(run.dataset, other))
    agreement = agreement_of(run.dataset, neighbours) if sets else None
    if asked.as_json:
        more = {} if agreement is None else {"sets": asdict(agreement)}
        tell_json({"dataset": str(run.dataset.root), **asdict(found), **more})
        return
    show(found)
    if agreement is not None:
        show_sets(agreement)


def show(found: EvaluationReport) -> None:
    """Print means, differences and cost."""
    console = Console(highlight=False)
    console.print(metric_grid(found.metrics))
    if found.against:
        console.print(Text(printable(f"\nagainst {found.against}")), soft_wrap=True)
        console.print(comparison_grid(found.comparisons))
    for line in (*left_out(found), *map(cost_line, found.costs)):
        console.print(Text(printable(line)), soft_wrap=True)


def show_sets(found: SetAgreement) -> None:
    """Print how far texts and pictures agree: a row for each number of frames."""
    console = Console(highlight=False)
    head = f"texts by {found.text_model}, pictures by {found.picture_model}"
    neighbours = f"{found.k} nearest of {quantity(found.n_clips, 'clip')}"
    console.print(Text(printable(f"\n{neighbours}: {head}")), soft_wrap=True)
    counts = sorted({cell.n_captions for cell in found.cells})
    grid = numbers_after("frames", "used", *(quantity(n, "caption") for n in counts))
    for n_frames in sorted({cell.n_frames for cell in found.cells}):
        row = [cell for cell in found.cells if cell.n_frames == n_frames]
        scores = (f"{cell.score:.3f} ± {cell.standard_error:.3f}" for cell in row)
        grid.add_row(str(n_frames), f"{row[0].frames_used:.1f}", *scores)
    console.print(grid)
    console.print(Text(f"by chance {found.chance:.3f}; {limit_of(found.fit)}"), soft_wrap=True)


def limit_of(fit: SaturationFit | None) -> str:
    """What the score comes to with many frames and captions, in words."""
    if fit is None:
        return "too few numbers of frames and captions for a limit"
    if not fit.is_limit_shown:
        return "no limit is shown"
    return f"with many frames and captions {fit.limit:.3f}"


def metric_grid(metrics: tuple[Metric, ...]) -> Grid:
    """The means of the metrics as a table."""
    grid = numbers_after("metric", "mean", "± 1 SE", "clips", "null")
    for m in metrics:
        grid.add_row(m.name, shown(m.mean), shown(m.standard_error), str(m.n), str(m.n_null))
    return grid


def comparison_grid(comparisons: tuple[Comparison, ...]) -> Grid:
    """The differences as a table."""
    grid = numbers_after("metric", "here", "there", "difference", "± 1 SE", "clips")
    for c in comparisons:
        difference = "·" if c.difference is None else f"{c.difference:+.3f}"
        numbers = (shown(c.ours), shown(c.theirs), difference, shown(c.standard_error), str(c.n))
        grid.add_row(c.name, *numbers)
    return grid


def shown(value: float | None) -> str:
    """A number with three decimals; a dot where there is none."""
    return "·" if value is None else f"{value:.3f}"


def left_out(found: EvaluationReport) -> Iterator[str]:
    """Which clips are not compared, and why."""
    if found.n_other_references:
        clips = quantity(found.n_other_references, "clip")
        yield f"{clips} of both have other references there, and are not compared"
    if found.n_other_questions:
        clips = quantity(found.n_other_questions, "clip")
        yield f"{clips} of both were asked other questions there: vdc leaves them out"


def cost_line(cost: ModelCost) -> str:
    """What the judgements used."""
    judges = cost.model
    if cost.second_model:
        is_same = cost.second_model == cost.model
        judges += ", asked twice" if is_same else f" and {cost.second_model}"
    line = f"{judges}: {quantity(cost.requests, 'request')} for {quantity(cost.clips, 'clip')}"
    if cost.prompt_tokens is None or cost.completion_tokens is None:
        return f"{line}, tokens not counted"
    return f"{line}, {cost.prompt_tokens:,} tokens in, {cost.completion_tokens:,} out"


def numbers_after(name: str, *numbers: str) -> Grid:
    """A table of names and numbers."""
    grid = Grid(box=None, pad_edge=False, header_style="bold")
    grid.add_column(name)
    for number in numbers:
        grid.add_column(number, justify="right", no_wrap=True)
    return grid


with_parameters(evaluate, [*stage_parameters(EVALUATE.config), *shared_parameters()])
evaluate.__doc__ = run_evaluate.__doc__
