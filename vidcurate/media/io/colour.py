"""The colours of a video, and their conversion to an ordinary display.

Numbers are those of ITU-T H.273. Missing tags are filled in as players do: BT.709 for high
definition, BT.601 for less.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache

from av.filter import Graph
from av.video.format import VideoFormat
from av.video.frame import VideoFrame
from av.video.reformatter import VideoReformatter

from vidcurate.records import Video

MATRICES = {
    0: "gbr",
    1: "bt709",
    4: "fcc",
    5: "bt470bg",
    6: "smpte170m",
    7: "smpte240m",
    8: "ycgco",
    9: "bt2020nc",
    10: "bt2020c",
    11: "smpte2085",
    12: "chroma-derived-nc",
    13: "chroma-derived-c",
    14: "ictcp",
    15: "ipt-c2",
}
PRIMARIES = {
    1: "bt709",
    4: "bt470m",
    5: "bt470bg",
    6: "smpte170m",
    7: "smpte240m",
    8: "film",
    9: "bt2020",
    10: "smpte428",
    11: "smpte431",
    12: "smpte432",
    22: "ebu3213",
}
TRANSFERS = {
    1: "bt709",
    4: "gamma22",
    5: "gamma28",
    6: "smpte170m",
    7: "smpte240m",
    8: "linear",
    11: "iec61966-2-4",
    13: "iec61966-2-1",
    14: "bt2020-10",
    15: "bt2020-12",
    16: "smpte2084",
    17: "smpte428",
    18: "arib-std-b67",
}
UNKNOWN = "unknown"
UNSPECIFIED = 2
FULL_RANGE = 2
RGB, BT709, BT470BG, SMPTE170M, BT2020 = 0, 1, 5, 6, 9
PQ, HLG = 16, 18
# The matrices that swscale converts: by its own number, and by the name that ffmpeg's scale takes.
SCALED = {
    1: (1, "bt709"),
    4: (4, "fcc"),
    5: (5, "bt601"),
    6: (5, "bt601"),
    7: (7, "smpte240m"),
    9: (9, "bt2020"),
    10: (9, "bt2020"),
}
# The primaries and the curve that go with a matrix where a video does not say.
USUAL = {1: (1, 1), 4: (4, 6), 5: (5, 6), 6: (6, 6), 7: (7, 7), 9: (9, 14), 10: (9, 14)}
HD_WIDTH, HD_HEIGHT = 1280, 720
PAL_HEIGHTS = frozenset({576, 288})

# Light of BT.2020 and Display P3 in terms of BT.709's red, green and blue, by their chromaticities
# and the white D65.
TO_BT709 = {
    9: ((1.6605, -0.5876, -0.0728), (-0.1246, 1.1329, -0.0083), (-0.0182, -0.1006, 1.1187)),
    12: ((1.2249, -0.2249, 0.0), (-0.0420, 1.0420, 0.0), (-0.0197, -0.0786, 1.0983)),
}
# An ordinary display's curve (BT.1886).
GAMMA = 2.4
# The PQ curve (SMPTE ST 2084) both ways; light in units of 10,000 cd/m2.
TO_LIGHT = (
    "pow(max(pow({0},1/78.84375)-0.8359375,0)/(18.8515625-18.6875*pow({0},1/78.84375)),"
    "1/0.1593017578125)"
)
FROM_LIGHT = (
    "pow((0.8359375+18.8515625*pow({0},0.1593017578125))/(1+18.6875*pow({0},0.1593017578125)),"
    "78.84375)"
)
# The curve of ITU-R BT.2390 from 1,000 cd/m2, as videos are mastered for, to the 203 cd/m2 that are
# white on an ordinary display (BT.2408); values of PQ over the largest.
LARGEST_PQ, WHITE, KNEE = 0.751827, 0.0203, 0.658555
DISPLAY_LARGEST = 0.772370
# HLG (BT.2100) back to the light of a display of 1,000 cd/m2.
HLG_LIGHT = (
    "0.1*pow(if(lte({0},0.5),{0}*{0}/3,(exp(({0}-0.55991073)/0.17883277)+0.28466892)/12),1.2)"
)

TIME_BASE = Fraction(1, 1000)

Filter = tuple[str, dict[str, object]]


@dataclass(frozen=True, slots=True)
class Colours:
    """Matrix, primaries and curve of a picture; the matrix of RGB is 0."""

    matrix: int
    primaries: int
    transfer: int


def colours_of(frame: VideoFrame) -> Colours:
    """Return the colours of a decoded frame."""
    tags = frame.colorspace, frame.color_primaries, frame.color_trc
    return resolve_colours(tags, frame.width, frame.height, is_rgb=is_rgb(frame.format))


def video_colours(video: Video) -> Colours:
    """Return the colours of a video from its row."""
    tags = tuple(
        {name: number for number, name in names.items()}.get(name, UNSPECIFIED)
        for names, name in (
            (MATRICES, video.matrix),
            (PRIMARIES, video.primaries),
            (TRANSFERS, video.transfer),
        )
    )
    form = VideoFormat(video.pixel_format)
    return resolve_colours(tags, video.width, video.height, is_rgb=is_rgb(form))


def resolve_colours(tags: tuple[int, ...], width: int, height: int, *, is_rgb: bool) -> Colours:
    """Fill in missing tags as players do."""
    matrix, primaries, transfer = tags
    if is_rgb:
        matrix, usual = RGB, USUAL[BT709]
    else:
        matrix = matrix if matrix in SCALED else assumed_matrix(width, height)
        usual = USUAL[matrix]
    return Colours(
        matrix,
        primaries if primaries in PRIMARIES else usual[0],
        transfer if transfer in TRANSFERS else usual[1],
    )


def assumed_matrix(width: int, height: int) -> int:
    """Return the matrix of a video that names none or an unknown one."""
    if width >= HD_WIDTH or height >= HD_HEIGHT:
        return BT709
    return BT470BG if height in PAL_HEIGHTS else SMPTE170M


def is_rgb(form: VideoFormat) -> bool:
    """Check whether pixels are red, green and blue, in any order or by a palette."""
    return form.is_rgb or form.has_palette or form.name.startswith("xyz")


def display_colours(colours: Colours, width: int, height: int) -> Colours:
    """Return the colours of an ordinary clip of such pictures, `width` x `height` as coded."""
    if display_filters(colours) is not None:
        return Colours(BT709, 1, 1)
    if colours.matrix == RGB:
        return Colours(assumed_matrix(width, height), colours.primaries, colours.transfer)
    return colours


def display_filters(colours: Colours) -> list[Filter] | None:
    """Return filters on 16-bit planar RGB that bring wide or high-range colours to a display.

    None for colours that an ordinary display shows as they are. High range is brought into range
    channel by channel by the curve of ITU-R BT.2390; what lies outside BT.709 is clipped.
    """
    is_high = colours.transfer in (PQ, HLG)
    if not is_high and colours.primaries not in TO_BT709:
        return None
    value = "clip(val/65535,0,1)"
    if is_high:
        signal = value if colours.transfer == PQ else FROM_LIGHT.format("ld(1)")
        first = f"st(1,{HLG_LIGHT.format(value)});" if colours.transfer == HLG else ""
        shown = TO_LIGHT.format("ld(4)")
        to_light = (
            f"{first}st(2,min({signal}/{LARGEST_PQ},1));st(3,(ld(2)-{KNEE})/(1-{KNEE}));"
            f"st(4,{LARGEST_PQ}*if(lt(ld(2),{KNEE}),ld(2),{knee_spline()}));"
            f"65535*clip({shown}/{WHITE},0,1)"
        )
    else:
        to_light = f"65535*pow({value},{GAMMA})"
    filters: list[Filter] = [("lutrgb", dict.fromkeys("rgb", to_light))]
    if colours.primaries in TO_BT709:
        names = [f"{into}{of}" for into in "rgb" for of in "rgb"]
        values = [value for row in TO_BT709[colours.primaries] for value in row]
        filters.append(("colorchannelmixer", dict(zip(names, values, strict=True))))
    filters.append(("lutrgb", dict.fromkeys("rgb", f"65535*pow({value},1/{GAMMA})")))
    return filters


def knee_spline() -> str:
    """Return the roll-off of ITU-R BT.2390 above the knee; variable 3 runs from 0 to 1 there."""
    t = "ld(3)"
    return (
        f"(2*{t}^3-3*{t}^2+1)*{KNEE}+({t}^3-2*{t}^2+{t})*(1-{KNEE})"
        f"+(-2*{t}^3+3*{t}^2)*{DISPLAY_LARGEST}"
    )


def conversion(
    colours: Colours, width: int, height: int, coded: tuple[int, int], flags: str = "bicubic"
) -> Iterator[Filter]:
    """Yield filters that scale pictures and convert them to 8-bit YUV 4:2:0 of an ordinary clip.

    `coded` is the size of the pictures as they are stored.
    """
    shown = display_colours(colours, *coded)
    size = {"w": width, "h": height, "flags": flags}
    own = {"in_color_matrix": SCALED[colours.matrix][1]} if colours.matrix != RGB else {}
    into = {"out_color_matrix": SCALED[shown.matrix][1], "out_range": "tv"}
    filters = display_filters(colours)
    if filters is None:
        yield "scale", {**size, **own, **into}
    else:
        yield "scale", {**size, **own}
        yield "format", {"pix_fmts": "gbrp16le"}
        yield from filters
        yield "scale", {**into}
    yield "format", {"pix_fmts": "yuv420p"}
    tags = {"colorspace": shown.matrix, "color_primaries": shown.primaries}
    yield "setparams", {"range": "tv", **tags, "color_trc": shown.transfer}


def as_rgb(
    frame: VideoFrame,
    width: int,
    height: int,
    form: str = "rgb24",
    interpolation: str = "BICUBIC",
    reformatter: VideoReformatter | None = None,
) -> VideoFrame:
    """Convert a frame to 8-bit RGB (or "bgr24") of this size, in an ordinary display's colours.

    A reformatter keeps its scaling tables from frame to frame; making them costs more than scaling
    one frame.
    """
    colours = colours_of(frame)
    if display_filters(colours) is not None:
        graph = display_graph(
            *(colours, frame.width, frame.height, frame.format.name, frame.color_range),
            *(width, height, form, interpolation.lower()),
        )
        frame.pts = frame.pts or 0
        graph.vpush(frame)
        return graph.vpull()
    return (reformatter or VideoReformatter()).reformat(
        frame,
        width,
        height,
        form,
        src_colorspace=None if colours.matrix == RGB else SCALED[colours.matrix][0],
        interpolation=interpolation,
        threads=1,
    )


@lru_cache(maxsize=8)
def display_graph(
    colours: Colours,
    width: int,
    height: int,
    pixel_format: str,
    _range: int,
    into_width: int,
    into_height: int,
    form: str,
    interpolation: str,
) -> Graph:
    """Build a filter graph from wide or high-range frames to RGB of another size."""
    own = {"in_color_matrix": SCALED[colours.matrix][1]} if colours.matrix != RGB else {}
    size = {"w": into_width, "h": into_height, "flags": interpolation}
    return graph_of(
        width,
        height,
        pixel_format,
        [
            ("scale", {**size, **own}),
            ("format", {"pix_fmts": "gbrp16le"}),
            *(display_filters(colours) or ()),
            ("format", {"pix_fmts": form}),
        ],
    )


def graph_of(width: int, height: int, pixel_format: str, filters: list[Filter]) -> Graph:
    """Build a filter graph for frames of one size and format, which takes one thread."""
    graph = Graph()
    graph.threads = 1
    source = graph.add_buffer(
        width=width, height=height, format=VideoFormat(pixel_format), time_base=TIME_BASE
    )
    nodes = [graph.add(name, **{k: str(v) for k, v in args.items()}) for name, args in filters]
    graph.link_nodes(source, *nodes, graph.add("buffersink")).configure()
    return graph
