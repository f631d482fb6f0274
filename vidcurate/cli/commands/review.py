"""The `review` command: a local page on which people look at clips and decide."""

import os
import signal
import sys
import webbrowser
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any
from urllib.parse import urlencode

import typer

from vidcurate.analysis.view import read_consistently, require_dataset
from vidcurate.cli.printing import printable, say, tell, tell_json
from vidcurate.cli.shared import AsJson, Folder
from vidcurate.errors import MissingExtraError, UsageError, quantity
from vidcurate.store.dataset import Dataset

if TYPE_CHECKING:
    from vidcurate.review.serve import Serving


def review(  # noqa: PLR0917 - typer reads options from parameters
    dataset: Folder,
    config: Annotated[
        str | None,
        typer.Option(
            "--config",
            "-c",
            metavar="FILE",
            help="A YAML file whose filter rules are shown, and written back where you ask for it.",
            show_default=False,
        ),
    ] = None,
    port: Annotated[
        int, typer.Option(min=0, max=65535, help="Port of 127.0.0.1; 0 takes a free one.")
    ] = 0,
    reviewer: Annotated[
        str | None,
        typer.Option(help="Your name, as it stands beside what you decide.", show_default=False),
    ] = None,
    show: Annotated[
        bool, typer.Option("--open/--no-open", help="Open the page in the browser.")
    ] = True,
    sample: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="Review so many clips that are drawn by chance, in proportion from each --by; "
            "the same command goes on with the same ones.",
            show_default=False,
        ),
    ] = None,
    by: Annotated[
        str,
        typer.Option(help="What --sample draws from: fate, video, tag, or quarters of a score."),
    ] = "fate",
    fate: Annotated[
        str | None,
        typer.Option(help="Draw --sample only from clips of this fate.", show_default=False),
    ] = None,
    seed: Annotated[int, typer.Option(help="Another one draws another --sample.")] = 0,
    estimate: Annotated[
        bool,
        typer.Option(
            "--estimate", help="Print the share of good clips by the last --sample, and end."
        ),
    ] = False,
    export: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Write all decisions to a .csv or .jsonl file, and end.",
            show_default=False,
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Look at clips in the browser, and accept, reject, correct or cut them anew.

    The page's address is printed. It is served on this computer only, until Ctrl-C.

    What is decided is kept in the data set at once; the next split, filter and export honour it.
    """
    opened = require_dataset(dataset)
    if export is not None:
        write_export(opened, export)
    elif estimate:
        show_estimate(opened, as_json=as_json)
    else:
        require_extra()
        query = {} if reviewer is None else {"reviewer": reviewer}
        draw = None if sample is None else {"n": sample, "by": by, "fate": fate, "seed": seed}
        serve(opened, config_file(config), port, query, draw, show=show, as_json=as_json)


def config_file(config: str | None) -> Path | None:
    """The YAML file of a review; raises UsageError for a recipe, which is nobody's to change."""
    if config is None:
        return None
    file = Path(config)
    if not file.exists() and not file.suffix:
        raise UsageError(
            f"-c {config}: rules are written into a file of yours: "
            f"`vidcurate config --recipe {config} > my.yaml` makes one of a recipe"
        )
    return file


def require_extra() -> None:
    """Raise MissingExtraError where a package of the extra is not there."""
    from importlib.util import find_spec

    for package in ("starlette", "uvicorn", "jinja2"):
        if find_spec(package) is None:
            raise MissingExtraError(package, "review")


def serve(
    dataset: Dataset,
    config: Path | None,
    port: int,
    query: dict[str, str],
    draw: dict[str, Any] | None,
    *,
    show: bool,
    as_json: bool,
) -> None:
    """Serve the page until Ctrl-C."""
    from vidcurate.review.samples import estimate, find_sample, make_sample
    from vidcurate.review.serve import serving

    # All end as Ctrl-C does, SIGINT too where a shell that began this in the background ignores it.
    for ending in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(ending, signal.default_int_handler)
    try:
        with serving(dataset, config, port, say) as served:
            if draw is not None:
                drawn = find_sample(dataset, **draw) or make_sample(served.review.now, **draw)
                query = {**query, "sample": drawn.sample}
                n_judged = estimate(served.review.now, drawn)["reviewed"]
                clips = quantity(len(drawn.clips), "clip")
                say(f"sample {drawn.sample}: {n_judged} of {clips} judged; --estimate tells more")
            announce(served, urlencode(query), show=show, as_json=as_json)
            served.run()
    except KeyboardInterrupt:
        say("the review has ended; what was decided is kept")


def announce(served: "Serving", query: str, *, show: bool, as_json: bool) -> None:
    """Print the page's address, and open it where that is asked for."""
    address = served.address(query)
    clips = quantity(len(served.review.now.spans.ids), "clip")
    if as_json:
        tell_json({"dataset": str(served.review.dataset.root), "address": address})
    else:
        tell(address)
    sys.stdout.flush()
    say(f"{clips} to review at the address above; Ctrl-C ends the review")
    if show and not (has_screen() and webbrowser.open(address)):
        say("no browser could be opened: open the address above yourself")


def has_screen() -> bool:
    """Whether a browser would open in a window, and not take over this terminal."""
    named = ("DISPLAY", "WAYLAND_DISPLAY", "BROWSER")
    return sys.platform in ("darwin", "win32") or any(map(os.environ.get, named))


def show_estimate(dataset: Dataset, *, as_json: bool) -> None:
    """Print the share of good clips by the last sample."""
    from vidcurate.analysis.decisions import read_decisions
    from vidcurate.review.clips import clips_now
    from vidcurate.review.facts import read_facts
    from vidcurate.review.samples import estimate, latest_sample

    sample = latest_sample(dataset)
    facts = read_facts(dataset)
    now = clips_now(facts, (), read_decisions(dataset))
    found = estimate(now, sample)
    if as_json:
        tell_json({"dataset": str(dataset.root), **found})
        return
    drawn = quantity(found["n"], "clip")
    tell(f"sample {sample.sample}: {found['reviewed']} of {drawn} judged, {found['good']} good")
    if found["ahead"]:
        tell(
            f"{found['ahead']} more are judged, but not all those drawn before them: go on in order"
        )
    if found["gone"]:
        tell(f"{quantity(found['gone'], 'drawn clip')} no longer there")
    if found["share"] is None:
        tell("judge some of them first: `vidcurate review` shows them at ?sample=" + sample.sample)
        return
    span = f"{found['low']:.1%} to {found['high']:.1%}"
    covered = f"{found['covered']} of {quantity(found['clips'], 'clip')}"
    tell(f"{found['share']:.1%} good, {span} with {found['confidence']:.0%} confidence")
    tell(f"this speaks of {covered}, by {found['method']}")
    for stratum in found["by_stratum"]:
        share = "-" if stratum["share"] is None else f"{stratum['share']:.1%}"
        counts = f"{stratum['good']} of {stratum['judged']} judged"
        tell(printable(f"  {share:>6}  {counts:<20} {stratum['clips']:>7} {stratum['stratum']}"))


def write_export(dataset: Dataset, file: Path) -> None:
    """Write all decisions to a file."""
    from vidcurate.analysis.decisions import read_decisions
    from vidcurate.review.export_decisions import export_decisions

    decisions = read_consistently(dataset, lambda: read_decisions(dataset))
    export_decisions(decisions, file)
    say(f"{quantity(len(decisions), 'decision')} written to {file}")
