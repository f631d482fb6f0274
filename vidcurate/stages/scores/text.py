"""text: how much text each clip shows, and what of it is laid over the picture."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import combinations

import numpy as np

from vidcurate.clips.regions import Box
from vidcurate.models.vision.text_reader import Line, TextReader, open_text_reader, require_rapidocr
from vidcurate.records import CLIPS, SCANS, TEXT, Clip, Text
from vidcurate.stage import Cost, Lookup, MapStage, StageConfig, Workspace, option

# NVIDIA's cosmos-curate calls a box an overlay when it stays over 10 frames of every third, about
# a second, or lies in a corner zone of a tenth of the width and height.
LEAST_STAY_S = 0.9
CORNER = 0.1
# Overlap of two boxes over what both cover. Theirs is 0.9 at 640 pixels; lines of a few pixels are
# found a pixel higher or longer from one proxy to the next.
SAME_BOX = 0.7
# Subtitles change their text and width, but not their height and middle, which is low.
SAME_ROW, SUBTITLES_FROM = 0.6, 2 / 3
MOST_STRINGS, LONGEST_STRING = 20, 100

Lines = Sequence[Line]


class TextConfig(StageConfig):
    """How many pictures of a clip are searched."""

    max_frames: int = option(
        4, "Proxies searched of a clip at most, evenly spread", unit="frames", ge=1, le=1000
    )


def text(
    clips: Sequence[Clip], config: TextConfig, reader: TextReader, workspace: Workspace
) -> Iterator[list[Text]]:
    """The text of each clip.

    Text is what is found and read with confidence, two characters or more. Its area is that of
    upright boxes around its lines. A line is an overlay where it stays in place for about a second,
    as subtitles, logos and captions do, or reaches into a corner, as clocks and scores do
    (NVIDIA's rule in cosmos-curate, for fewer frames). So are signs under a camera that stands
    still; a clip of one judged frame is judged by its corners only.
    Raises MediaError for a damaged proxy.
    """
    from vidcurate.media.visual.proxies import clip_proxies

    for clip in clips:
        scan = workspace.lookup(SCANS)[clip.video_id]
        file = workspace.file_of(SCANS, scan.samples_file)
        proxies = clip_proxies(file, clip, config.max_frames)
        frames = [reader.lines(proxy.image) for proxy in proxies]
        times_s = [float(proxy.pts * clip.time_base) for proxy in proxies]
        yield [score(clip, frames, overlays(frames, times_s))]


def score(clip: Clip, frames: Sequence[Lines], laid_over: Sequence[Lines]) -> Text:
    """One clip's row from the lines of each judged frame, and those of them that are overlays."""
    areas, overlay_areas = ([area(lines) for lines in part] for part in (frames, laid_over))
    places = Counter(line.box.region for lines in laid_over for line in lines)
    return Text(
        clip_id=clip.clip_id,
        video_id=clip.video_id,
        n_frames=len(frames),
        area_mean=float(np.mean(areas)),
        area_max=max(areas),
        text_share=float(np.mean([bool(lines) for lines in frames])),
        overlay_area=float(np.mean(overlay_areas)),
        overlay_share=float(np.mean([bool(lines) for lines in laid_over])),
        overlay_regions=tuple(place for place, _ in places.most_common()),
        overlay_strings=strings(laid_over),
        strings=strings(frames),
    )


def area(lines: Lines) -> float:
    """The share of the picture under lines, which do not overlap to speak of."""
    return min(1.0, sum(line.box.area for line in lines))


def strings(frames: Iterable[Lines]) -> tuple[str, ...]:
    """Different texts in the order of frames, long ones cut off."""
    read = (line.text[:LONGEST_STRING] for lines in frames for line in lines if line.text)
    return tuple(dict.fromkeys(read))[:MOST_STRINGS]


def overlays(frames: Sequence[Lines], times_s: Sequence[float]) -> list[Lines]:
    """Of each frame the lines that are laid over the picture."""
    found = [
        {number for number, line in enumerate(lines) if in_corner(line.box)} for lines in frames
    ]
    for a, b in combinations(range(len(frames)), 2):
        if times_s[b] - times_s[a] < LEAST_STAY_S:
            continue
        for i, first in enumerate(frames[a]):
            for j, second in enumerate(frames[b]):
                if stays(first.box, second.box):
                    found[a].add(i)
                    found[b].add(j)
    return [[lines[i] for i in sorted(there)] for lines, there in zip(frames, found, strict=True)]


def in_corner(box: Box) -> bool:
    """Whether a box reaches into a corner zone."""
    at_side = box.left < CORNER or box.right > 1 - CORNER
    return at_side and (box.top < CORNER or box.bottom > 1 - CORNER)


def stays(first: Box, second: Box) -> bool:
    """Whether two boxes are one, or two subtitles of one place."""
    wide = overlap((first.left, first.right), (second.left, second.right))
    high = overlap((first.top, first.bottom), (second.top, second.bottom))
    shared = wide * high
    if shared >= SAME_BOX * (first.area + second.area - shared):
        return True
    rows = (first.bottom - first.top) + (second.bottom - second.top) - high
    apart = abs(first.left + first.right - second.left - second.right) / 2
    is_low = min(first.top, second.top) >= SUBTITLES_FROM
    return is_low and high >= SAME_ROW * rows and apart < CORNER / 2


def overlap(first: tuple[float, float], second: tuple[float, float]) -> float:
    """The length that two stretches share."""
    return max(0.0, min(first[1], second[1]) - max(first[0], second[0]))


def open_reader(_config: TextConfig, _workspace: Workspace) -> TextReader:
    """The reader of text."""
    return open_text_reader()


def reader_is_there(_config: TextConfig, _others: Mapping[str, StageConfig]) -> None:
    """Raise MissingExtraError without rapidocr, before a video is decoded."""
    require_rapidocr()


TEXT_STAGE = MapStage(
    name="text",
    summary="Find and read text in each clip, and tell what is laid over the picture.",
    reads=CLIPS,
    writes=TEXT,
    config=TextConfig,
    open=open_reader,
    run=text,
    lookups=(Lookup(SCANS),),
    check=reader_is_there,
    rows_per_part=64,
    cost=Cost(
        advice="a smaller text.max_frames, or filter.rules on cheaper scores", is_expensive=True
    ),
)
