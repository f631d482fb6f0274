"""Draw a contact sheet of a data set: a picture of each clip, what became of it, and its caption.

Each picture shows the clip's id, its time in the video, whether rules kept it, and its caption or
the rule that rejected it. The sheet takes rejected clips first, up to a quarter of the pictures,
and spreads the others evenly over the video.
"""

import argparse
import io
import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
from PIL import Image, ImageDraw, ImageFont

COLUMNS, CELL_WIDTH, PICTURE_HEIGHT, TEXT_HEIGHT, GAP, HEAD_HEIGHT = 3, 416, 234, 120, 16, 66
LINE_HEIGHT, CAPTION_LINES = 19, 4
PAPER, INK, GREY = "#ffffff", "#1c2024", "#687076"
KEPT_COLOUR, REJECTED_COLOUR = "#18794e", "#cd2b31"
QUALITIES = (85, 80, 75, 70, 60, 50, 40)


@dataclass(frozen=True)
class Entry:
    """One clip of the sheet; `rule` is the one that rejected it, `time_s` that of its picture."""

    clip_id: str
    start_s: float
    end_s: float
    time_s: float
    rule: str | None
    caption: str


def main() -> None:
    """Draw the sheet of one video of a data set."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("dataset", type=Path)
    parser.add_argument("out", type=Path, help="the JPEG file to write")
    parser.add_argument("--count", type=int, default=9, help="pictures on the sheet")
    parser.add_argument("--max-kb", type=int, default=300, help="largest size of the file")
    options = parser.parse_args()
    source = rows(options.dataset, "sources")[0]
    entries = entries_of(options.dataset, source["video_id"])
    chosen = choose(entries, options.count)
    sheet = draw_sheet(headline(source, entries), licence(source), source["path"], chosen)
    options.out.write_bytes(jpeg(sheet, options.max_kb * 1000))


def rows(dataset: Path, table: str, *flags: str) -> list[dict[str, Any]]:
    """The rows of a table, as the command prints them."""
    command = [sys.executable, "-m", "vidcurate", "rows", table, "-d", str(dataset), *flags]
    printed = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return [json.loads(line) for line in printed.splitlines()]


def entries_of(dataset: Path, video_id: str) -> list[Entry]:
    """The clips of one video, in time order."""
    rules = {row["id"]: row["reason"] for row in rows(dataset, "kept", "--dropped")}
    captions = {row["clip_id"]: row["text"] for row in rows(dataset, "captions")}
    keyframes = {row["clip_id"]: row["keyframes"] for row in rows(dataset, "keyframes")}
    entries = []
    for clip in rows(dataset, "clips"):
        if clip["video_id"] != video_id:
            continue
        clip_id, times = clip["clip_id"], [k["time_s"] for k in keyframes.get(clip["clip_id"], [])]
        middle_s = (clip["start_s"] + clip["end_s"]) / 2
        entries.append(
            Entry(
                clip_id=clip_id,
                start_s=clip["start_s"],
                end_s=clip["end_s"],
                time_s=min(times, key=lambda time_s: abs(time_s - middle_s), default=middle_s),
                rule=rules.get(clip_id),
                caption=captions.get(clip_id, ""),
            )
        )
    return sorted(entries, key=lambda entry: entry.start_s)


def choose(entries: Sequence[Entry], count: int) -> list[Entry]:
    """The clips to show, in time order."""
    rejected = [entry for entry in entries if entry.rule][: count // 4]
    kept = [entry for entry in entries if not entry.rule]
    n_kept = min(count - len(rejected), len(kept))
    spread = [kept[(2 * i + 1) * len(kept) // (2 * n_kept)] for i in range(n_kept)]
    return sorted([*rejected, *spread], key=lambda entry: entry.start_s)


def headline(source: dict[str, Any], entries: Sequence[Entry]) -> str:
    """What became of the video, in one line."""
    n_rejected = sum(entry.rule is not None for entry in entries)
    return (
        f"{Path(source['path']).name}: {len(entries)} clips, "
        f"{len(entries) - n_rejected} kept, {n_rejected} rejected"
    )


def licence(source: dict[str, Any]) -> str:
    """Title and licence of the video, where its list names them."""
    extra = dict(source["extra"])
    return ", ".join(extra[name] for name in ("title", "licence") if extra.get(name))


def draw_sheet(head: str, credit: str, video: str, entries: Sequence[Entry]) -> Image.Image:
    """The sheet: a headline, and a cell for each clip."""
    n_rows = -(-len(entries) // COLUMNS)
    width = COLUMNS * (CELL_WIDTH + GAP) + GAP
    height = HEAD_HEIGHT + n_rows * (PICTURE_HEIGHT + TEXT_HEIGHT) + GAP
    sheet = Image.new("RGB", (width, height), PAPER)
    draw = ImageDraw.Draw(sheet)
    draw.text((GAP, GAP), head, INK, font(24))
    draw.text((width - GAP, GAP + 5), credit, GREY, font(16), anchor="ra")
    for index, (entry, picture) in enumerate(zip(entries, pictures(video, entries), strict=True)):
        row, column = divmod(index, COLUMNS)
        x = GAP + column * (CELL_WIDTH + GAP)
        y = HEAD_HEIGHT + row * (PICTURE_HEIGHT + TEXT_HEIGHT)
        sheet.paste(picture, (x + (CELL_WIDTH - picture.width) // 2, y))
        draw_words(draw, entry, x, y + PICTURE_HEIGHT + 6)
    return sheet


def draw_words(draw: ImageDraw.ImageDraw, entry: Entry, x: int, y: int) -> None:
    """Time, fate, id and caption of a clip, below its picture."""
    word, colour = ("rejected", REJECTED_COLOUR) if entry.rule else ("kept", KEPT_COLOUR)
    draw.text((x, y), f"{clock(entry.start_s)} to {clock(entry.end_s)}", INK, font(15))
    draw.text((x + 128, y), word, colour, font(15))
    draw.text((x + CELL_WIDTH, y + 2), entry.clip_id, GREY, font(12), anchor="ra")
    text = f"Breaks the rule {entry.rule}" if entry.rule else entry.caption
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


def pictures(video: str, entries: Sequence[Entry]) -> Iterator[Image.Image]:
    """The frame of each clip, as large as a cell."""
    capture = cv2.VideoCapture(video)
    try:
        for entry in entries:
            capture.set(cv2.CAP_PROP_POS_MSEC, 1000 * entry.time_s)
            is_read, frame = capture.read()
            if not is_read:
                sys.exit(f"{video} has no frame at {entry.time_s:.3f} s")
            picture = Image.fromarray(cv2.cvtColor(frame, cv2.COLOR_BGR2RGB))
            picture.thumbnail((CELL_WIDTH, PICTURE_HEIGHT), Image.Resampling.LANCZOS)
            yield picture
    finally:
        capture.release()


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
