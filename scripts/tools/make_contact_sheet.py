"""Draw a contact sheet of a data set: a picture of each clip, what became of it, and its caption.

Each picture shows the clip's id, its time in the video, whether rules kept it, and its caption or
the rule that rejected it. The sheet takes rejected clips first, up to a quarter of the pictures,
and spreads the others evenly over the video.
"""

import argparse
import io
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

import vidcurate as vc

COLUMNS, CELL_WIDTH, PICTURE_HEIGHT, TEXT_HEIGHT, GAP, HEAD_HEIGHT = 3, 416, 234, 104, 16, 66
LINE_HEIGHT, CAPTION_LINES = 19, 3
PAPER, INK, GREY = "#ffffff", "#1c2024", "#687076"
KEPT_COLOUR, REJECTED_COLOUR = "#18794e", "#cd2b31"
QUALITIES = (85, 80, 75, 70, 60, 50, 40)


@dataclass(frozen=True)
class Entry:
    """One clip of the sheet; `rule` is the one that rejected it."""

    clip: vc.DatasetClip
    rule: str | None


def main() -> None:
    """Draw the sheet of the first video of a data set."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("dataset", type=Path)
    parser.add_argument("out", type=Path, help="the JPEG file to write")
    parser.add_argument("--count", type=int, default=9, help="pictures on the sheet")
    parser.add_argument("--max-kb", type=int, default=300, help="largest size of the file")
    options = parser.parse_args()
    entries = entries_of(vc.open(options.dataset))
    if not entries:
        sys.exit(f"{options.dataset} has no clips")
    sheet = draw_sheet(headline(entries), licence(entries[0]), choose(entries, options.count))
    options.out.write_bytes(jpeg(sheet, options.max_kb * 1000))


def entries_of(dataset: vc.VideoDataset) -> list[Entry]:
    """The clips of the first video, in time order."""
    dropped = dataset.failures("filter", status="dropped")
    rules = dict(zip(dropped.column(0).to_pylist(), dropped["reason"].to_pylist(), strict=True))
    entries = [Entry(clip, rules.get(clip.id)) for clip in dataset.clips()]
    video_ids = [entry.clip.row.video_id for entry in entries[:1]]
    return sorted(
        (entry for entry in entries if entry.clip.row.video_id in video_ids),
        key=lambda entry: entry.clip.row.start_s,
    )


def choose(entries: Sequence[Entry], count: int) -> list[Entry]:
    """The clips to show, in time order."""
    rejected = [entry for entry in entries if entry.rule][: count // 4]
    kept = [entry for entry in entries if not entry.rule]
    n_kept = min(count - len(rejected), len(kept))
    spread = [kept[(2 * i + 1) * len(kept) // (2 * n_kept)] for i in range(n_kept)]
    return sorted([*rejected, *spread], key=lambda entry: entry.clip.row.start_s)


def headline(entries: Sequence[Entry]) -> str:
    """What became of the video, in one line."""
    n_rejected = sum(entry.rule is not None for entry in entries)
    return (
        f"{Path(entries[0].clip.source.path).name}: {len(entries)} clips, "
        f"{len(entries) - n_rejected} kept, {n_rejected} rejected"
    )


def licence(entry: Entry) -> str:
    """Title and licence of the video, where its list names them."""
    extra = entry.clip.source.extra
    return ", ".join(extra[name] for name in ("title", "licence") if extra.get(name))


def draw_sheet(head: str, credit: str, entries: Sequence[Entry]) -> Image.Image:
    """The sheet: a headline, and a cell for each clip."""
    n_rows = -(-len(entries) // COLUMNS)
    width = COLUMNS * (CELL_WIDTH + GAP) + GAP
    height = HEAD_HEIGHT + n_rows * (PICTURE_HEIGHT + TEXT_HEIGHT) + GAP
    sheet = Image.new("RGB", (width, height), PAPER)
    draw = ImageDraw.Draw(sheet)
    draw.text((GAP, GAP), head, INK, font(24))
    draw.text((width - GAP, GAP + 5), credit, GREY, font(16), anchor="ra")
    for index, (entry, picture) in enumerate(zip(entries, pictures(entries), strict=True)):
        row, column = divmod(index, COLUMNS)
        x = GAP + column * (CELL_WIDTH + GAP)
        y = HEAD_HEIGHT + row * (PICTURE_HEIGHT + TEXT_HEIGHT)
        sheet.paste(picture, (x + (CELL_WIDTH - picture.width) // 2, y))
        draw_words(draw, entry, x, y + PICTURE_HEIGHT + 6)
    return sheet


def draw_words(draw: ImageDraw.ImageDraw, entry: Entry, x: int, y: int) -> None:
    """Time, fate, id and caption of a clip, below its picture."""
    word, colour = ("rejected", REJECTED_COLOUR) if entry.rule else ("kept", KEPT_COLOUR)
    span = entry.clip.row
    draw.text((x, y), f"{clock(span.start_s)} to {clock(span.end_s)}", INK, font(15))
    draw.text((x + 128, y), word, colour, font(15))
    draw.text((x + CELL_WIDTH, y + 2), entry.clip.id, GREY, font(12), anchor="ra")
    text = f"Breaks the rule {entry.rule}" if entry.rule else entry.clip.caption or ""
    for number, line in enumerate(wrapped(text, font(14), CELL_WIDTH)):
        place = x, y + 24 + LINE_HEIGHT * number
        draw.text(place, line, colour if entry.rule else INK, font(14))


def wrapped(text: str, face: ImageFont.FreeTypeFont, width: int) -> list[str]:
    """A text in lines of a width in pixels; what does not fit ends in an ellipsis."""
    lines: list[str] = []
    for word in text.split():
        longer = f"{lines[-1]} {word}" if lines else word
        if lines and face.getlength(longer) <= width:
            lines[-1] = longer
        else:
            lines.append(word)
    if len(lines) <= CAPTION_LINES:
        return lines
    last = lines[CAPTION_LINES - 1]
    while face.getlength(last + "…") > width:
        last = last.rpartition(" ")[0]
    return [*lines[: CAPTION_LINES - 1], last.rstrip(".,") + "…"]


def pictures(entries: Sequence[Entry]) -> Iterator[Image.Image]:
    """The frame in the middle of each clip, as large as a cell."""
    for entry in entries:
        frame = entry.clip.frames(count=1)[0]
        picture = Image.fromarray(frame)
        picture.thumbnail((CELL_WIDTH, PICTURE_HEIGHT), Image.Resampling.LANCZOS)
        yield picture


def clock(seconds: float) -> str:
    """A time as minutes and seconds."""
    return f"{int(seconds // 60)}:{seconds % 60:04.1f}"


def font(size: int) -> ImageFont.FreeTypeFont:
    """The font that Pillow brings."""
    face = ImageFont.load_default(size)
    assert isinstance(face, ImageFont.FreeTypeFont)
    return face


def jpeg(sheet: Image.Image, max_bytes: int) -> bytes:
    """The sheet as a JPEG file of the best quality that fits a size."""
    for quality in QUALITIES:
        file = io.BytesIO()
        sheet.save(file, "JPEG", quality=quality, optimize=True)
        if file.tell() <= max_bytes:
            return file.getvalue()
    sys.exit(f"the sheet is larger than {max_bytes} bytes: show fewer pictures")


if __name__ == "__main__":
    main()
