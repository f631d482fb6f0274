"""How the check of an export is shown: what trainers will do with every clip."""

from collections.abc import Iterator, Sequence

from rich.console import Console
from rich.padding import Padding
from rich.table import Table as Grid
from rich.text import Text

from vidcurate.cli.printing import printable
from vidcurate.cli.render_estimate import GB, short_number
from vidcurate.errors import quantity
from vidcurate.exporting.forecast.advice import duration_text
from vidcurate.exporting.forecast.caption_check import CaptionCheck, Spread
from vidcurate.exporting.forecast.checking import Contract, TargetContract
from vidcurate.exporting.forecast.clip_facts import Example
from vidcurate.exporting.forecast.contract import BucketCount, Group
from vidcurate.exporting.forecast.shape import ShapeLosses
from vidcurate.exporting.forecast.size_estimate import SizeEstimate
from vidcurate.options import listed

BUCKETS_SHOWN, GROUPS_SHOWN = 20, 8
NARROW = 60  # columns
SHOWN_SHARE = 0.0005  # less is 0.0 %


def show_check(found: Contract) -> None:
    """Print the check on stdout: what is written, then what each target's trainer does with it."""
    console = Console(highlight=False)
    for line in file_lines(found):
        print_line(console, line)
    for target in found.targets:
        show_target(console, target)
    if not found.has_captions:
        print_line(console, "no caption was made yet: `vidcurate caption` makes them")


def show_target(console: Console, target: TargetContract) -> None:
    """Print what one target's trainer does."""
    trains = f" trains {target.model}" if target.model else ""
    head = f"{target.target}{trains}: {target.kept} of {quantity(target.clips, 'clip')}"
    console.print()
    console.print(Text(printable(head), style="bold"), soft_wrap=True)
    for line in action_lines(target):
        print_line(console, line)
    if target.buckets:
        is_narrow = console.width < NARROW
        console.print(Padding(bucket_grid(target, is_narrow=is_narrow), (0, 0, 0, 2), expand=False))
    for line in detail_lines(target):
        print_line(console, line)


def print_line(console: Console, line: str) -> None:
    """Print a line that the terminal may wrap."""
    console.print(Text(printable(line)), soft_wrap=True)


def file_lines(found: Contract) -> Iterator[str]:
    """What would be written."""
    clips = f"{quantity(found.clips, 'clip')}, {duration_text(found.clip_s)}"
    if found.media == "none":
        yield f"{clips}: no files, since export.media is none"
        return
    size = f" of {listed(found.sizes, 'or')}" if found.sizes else ""
    rate = f" at {short_number(found.fps, 5)} fps" if found.fps else " at the videos' own rates"
    files = f"{quantity(found.files, 'file')}{size}{rate}, {duration_text(found.file_s)}"
    yield f"{clips}; an export writes {files}"
    if found.size:
        yield size_line(found.size)


def size_line(size: SizeEstimate) -> str:
    """How large the files will be, and by what that is known."""
    if size.video_bytes is None:
        return f"size unknown: {size.how}"
    total = short_number((size.video_bytes + size.audio_bytes) / GB, 2)
    sound = f", {short_number(size.audio_bytes / GB, 2)} of them sound" if size.audio_bytes else ""
    bits = short_number(size.bits_per_pixel or 0)
    return f"about {total} GB{sound}: {size.how} ({bits} bits a pixel)"


def action_lines(target: TargetContract) -> Iterator[str]:
    """How many clips are taken whole, cut and so on, and why."""
    counts = [f"{name} {n}" for name, n in target.actions.items() if n]
    yield f"  {', '.join(counts) or 'no clips'}"
    if target.lost_frames:
        yield (
            f"  {quantity(target.trained_frames, 'frame')} are trained, "
            f"{duration_text(target.trained_s)} of video; {target.lost_frames} are not, "
            f"{duration_text(target.lost_s)}"
        )
    for group in target.groups[:GROUPS_SHOWN]:
        yield from group_lines(group)
    rest = target.groups[GROUPS_SHOWN:]
    if rest:
        yield f"  {sum(group.clips for group in rest)} × other reasons (--json has them)"


def group_lines(group: Group) -> Iterator[str]:
    """One reason, how often it was given, and a few clips."""
    doer = "" if group.action == "whole" else f" by the {group.by}"
    yield f"  {group.clips} × {group.action}{doer}: {group.reason}"
    for example in group.examples:
        yield f"      {example_text(example)}"


def example_text(example: Example) -> str:
    """A clip by its span, id and video."""
    span = f"{example.start_s:.2f} to {example.end_s:.2f} s"
    return f"{span}  {example.clip_id}  {example.video}"


def bucket_grid(target: TargetContract, *, is_narrow: bool) -> Grid:
    """Buckets with their clips, frames and pixels; a narrow one leaves out what can be computed."""
    grid = Grid(box=None, pad_edge=False, header_style="bold")
    has_length = any(bucket.n_frames is not None for bucket in target.buckets)
    grid.add_column("bucket" if has_length else "size", no_wrap=True)
    for name in ("clips", "hours") if is_narrow else ("clips", "frames", "Gpixel", "hours"):
        grid.add_column(name, justify="right", no_wrap=True)
    for bucket in target.buckets[:BUCKETS_SHOWN]:
        grid.add_row(str(bucket), *bucket_numbers(bucket, is_narrow=is_narrow))
    rest = target.buckets[BUCKETS_SHOWN:]
    if rest:
        clips = str(sum(bucket.clips for bucket in rest))
        grid.add_row(f"{len(rest)} more", clips, *([""] * (1 if is_narrow else 3)))
    return grid


def bucket_numbers(bucket: BucketCount, *, is_narrow: bool) -> Sequence[str]:
    """The numbers of one row."""
    clips, hours = str(bucket.clips), short_number(bucket.hours, 2)
    if is_narrow:
        return clips, hours
    return clips, str(bucket.frames), short_number(bucket.pixels / 1e9), hours


def detail_lines(target: TargetContract) -> Iterator[str]:
    """What the table does not say: small buckets, pictures, captions, and what to change."""
    if target.below_batch:
        small = sum(bucket.clips < target.batch_size for bucket in target.buckets)
        yield (
            f"  {quantity(small, 'bucket')} with {quantity(target.below_batch, 'clip')} "
            f"{'is' if small == 1 else 'are'} smaller than a batch of {target.batch_size}"
        )
    if target.pictures:
        yield from picture_lines(target.pictures, target.pictures_by_default)
    yield from caption_lines(target.captions, needed=target.needs_captions)
    if target.advice:
        yield "  what to change:"
        for advice in target.advice:
            yield f"    {advice.change}: {advice.wins}"


def picture_lines(pictures: ShapeLosses, by_default: ShapeLosses | None) -> Iterator[str]:
    """What sizes lose of the pictures."""
    same = by_default is None or by_default.lost == pictures.lost
    versus = "" if same or by_default is None else f" ({share(by_default.lost)} by default)"
    left_out = (
        f"; {quantity(pictures.left_out, 'clip')} smaller than every size lose all"
        if pictures.left_out
        else ""
    )
    yield f"  pictures lose {share(pictures.lost)}{versus}{left_out}"
    for shape in pictures.shapes:
        if shape.clips:
            losses = ((shape.cropped, "cropped"), (shape.scaled_down, "scaled away"))
            lost = [f"{share(value)} {word}" for value, word in losses if value >= SHOWN_SHARE]
            line = ", ".join([quantity(shape.clips, "clip"), *lost])
            yield f"    {shape.size}: {line}"


def share(value: float) -> str:
    """A share in percent."""
    return f"{value * 100:.1f} %"


def caption_lines(captions: CaptionCheck, *, needed: bool) -> Iterator[str]:
    """What captions lack or break."""
    if not captions.clips:
        return
    if captions.missing:
        what = "clips without one are left out" if needed else "the target does without"
        yield f"  captions: {captions.missing} of {captions.clips} missing; {what}"
    else:
        yield f"  captions: all {captions.clips} there"
    if captions.characters and captions.words and captions.tokens:
        limit = f", and the model reads {captions.max_tokens}" if captions.max_tokens else ""
        yield (
            f"    {spread(captions.characters)} characters, {spread(captions.words)} words, "
            f"about {spread(captions.tokens)} tokens{limit}"
        )
    if captions.rewritten:
        yield f"    {captions.rewritten} × made one plain line by the export"
    if captions.over_limit:
        yield f"    {captions.over_limit} × longer than the model reads, by estimate: cut by it"
    for fault in captions.faults:
        yield f"    {fault.clips} × {fault.reason}"
        for example in fault.examples:
            yield f"        {example_text(example)}"


def spread(values: Spread) -> str:
    """The least and greatest number; one where they agree."""
    return str(values.least) if values.least == values.most else f"{values.least}-{values.most}"
