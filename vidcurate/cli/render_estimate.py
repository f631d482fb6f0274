"""How an estimate is shown, and how it compares with what a run took."""

from collections.abc import Iterator

from rich.console import Console
from rich.table import Table as Grid
from rich.text import Text

from vidcurate.errors import quantity
from vidcurate.pipeline.estimate.comparison import EstimateComparison
from vidcurate.pipeline.estimate.forecast import Estimate, Expected, ExpectedRequests

GB = 1e9


def show_estimate(estimate: Estimate) -> None:
    """Print the estimate on stdout: a line a stage, then what else is estimated."""
    console = Console(highlight=False)
    console.print(stage_grid(estimate))
    for line in note_lines(estimate):
        console.print(Text(line), soft_wrap=True)


def stage_grid(estimate: Estimate) -> Grid:
    """Each stage's time in the sample, and the time and disk that it has before it."""
    grid = Grid(box=None, pad_edge=False, header_style="bold")
    grid.add_column("stage", no_wrap=True)
    for name in ("videos left", "at once", "sample s", "hours", "GB"):
        grid.add_column(name, justify="right", no_wrap=True)
    for s in estimate.stages:
        grid.add_row(
            s.stage,
            str(s.videos_left or "·"),
            str(s.at_once),
            short_number(s.sample_s),
            short_number(s.left_hours.amount),
            short_number(s.left_bytes.amount / GB),
        )
    videos = str(estimate.n_left or "·")
    grid.add_row(
        "all",
        videos,
        "",
        "",
        span(estimate.hours),
        span(estimate.left_bytes.over(GB)),
        style="bold",
    )
    return grid


def note_lines(estimate: Estimate) -> Iterator[str]:
    """What the table does not say."""
    yield (
        f"{estimate.n_sampled} of {quantity(estimate.n_videos, 'video')} sampled "
        f"({short_number(estimate.sampled_video_s / 60)} min of video, their work is done); "
        f"{estimate.n_left} left ({short_number(estimate.left_video_s / 60)} min), "
        f"{estimate.workers} workers"
    )
    if estimate.n_left == 0:
        yield "nothing is left to estimate: `vidcurate run` finishes what has begun"
    elif any(s.gpus >= 1 for s in estimate.stages):
        yield f"of the hours, with a GPU: {span(estimate.gpu_hours)}"
    now, more = estimate.done_bytes / GB, estimate.left_bytes.over(GB)
    yield f"disk: {short_number(now)} GB now, {short_number(now + more.amount)} GB at the end"
    if estimate.requests:
        yield from request_lines(estimate.requests)
    if estimate.gpu_peak_mib is not None:
        yield f"GPU memory: at most {estimate.gpu_peak_mib} MiB while sampling, all programs"
    if estimate.stopped:
        yield f"stages after {estimate.stages[-1].stage} are not estimated: {estimate.stopped}"
    stage = estimate.most_expensive
    advice = f"; less with {stage.cost_advice}" if stage.cost_advice else ""
    yield f"most expensive stage: {stage.stage}{advice}"


def request_lines(expected: ExpectedRequests) -> Iterator[str]:
    """Requests and tokens."""
    if expected.requests.amount:
        yield f"requests: {span(expected.requests)}"
        prompt, completion = (
            span(tokens) if tokens else "not counted by the server"
            for tokens in (expected.prompt_tokens, expected.completion_tokens)
        )
        yield f"tokens: prompt {prompt}, completion {completion}"


def span(expected: Expected) -> str:
    """An amount and its standard error."""
    if not expected.amount:
        return "·"
    error = "?" if expected.error is None else short_number(expected.error, 1)
    return f"{short_number(expected.amount, 2)} ± {error}"


def short_number(value: float, digits: int = 3) -> str:
    """A number with so many digits that count, and no exponent."""
    return f"{float(f'{value:.{digits}g}'):,.10f}".rstrip("0").rstrip(".")


def against_estimate(compared: EstimateComparison) -> str:
    """The estimate and what the run took, in a line."""
    hours = compared.estimated_hours, compared.actual_hours
    size = compared.estimated_bytes, compared.actual_bytes
    return (
        f"estimated {short_number(hours[0])} h, took {short_number(hours[1])} h{off(*hours)}; "
        f"disk estimated {short_number(size[0] / GB)} GB, is {short_number(size[1] / GB)} GB"
        f"{off(*size)}"
    )


def off(estimated: float, real: float) -> str:
    """By how much the real amount differs from the estimated one."""
    return f" ({real / estimated - 1:+.0%})".replace("%", " %") if estimated else ""
