"""Draw the stills of the guide on normalising: a video as it is stored, and its clip.

Every video is made of a moment of Big Buck Bunny ((c) Blender Foundation, CC BY 3.0), with one
property that readers forget. Left is what a reader sees that does, right the clip that an export
writes.
"""

import argparse
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import imageio_ffmpeg
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from vidcurate.clips.rendition import Rendition, Size
from vidcurate.exporting.rendition import RenditionOptions, inside_bars, plan_rendition
from vidcurate.media.io.probe import probe_video
from vidcurate.media.output.cut_file import CutOptions
from vidcurate.media.output.cutting import cut_clip
from vidcurate.media.visual.measures import letterbox
from vidcurate.records import Clip, Video

Pixels = NDArray[np.uint8]

HEIGHT, GAP, QUALITY = 180, 8, 82
AS_THE_VIDEO = RenditionOptions()
X264 = ("-c:v", "libx264", "-crf", "12", "-preset", "fast")
PQ = (
    "zscale=transferin=709:transfer=linear:npl=203,format=gbrpf32le,"
    "zscale=primaries=2020:transfer=smpte2084:matrix=2020_ncl:npl=203:range=limited,"
    "format=yuv420p10le"
)
X265 = ("-c:v", "libx265", "-crf", "12", "-preset", "fast", "-x265-params", "log-level=error")


@dataclass(frozen=True, slots=True)
class Case:
    """A property of videos: how one is made, and what of its clip is asked for.

    `start_s` is a moment of the film; `stored` are filters and options of the encoder, `turned`
    how it is to be turned for display.
    """

    start_s: float
    filters: str
    encode: Sequence[str] = X264
    turned: int = 0
    options: RenditionOptions = AS_THE_VIDEO


CASES: Mapping[str, Case] = {
    "rotation": Case(66.0, "crop=406:720,transpose=cclock", turned=-90),
    "anamorphic": Case(66.0, "scale=720:576,setsar=64/45"),
    "letterbox": Case(
        66.0,
        "scale=720:304,pad=720:480:0:88",
        options=RenditionOptions(sizes=(Size(496, 304),)),
    ),
    "interlaced": Case(351.8, "crop=320:180,setpts=N/48/TB,fps=48,interlace=lowpass=off"),
    "hdr": Case(66.0, PQ, X265),
    "full-range": Case(
        66.0,
        "scale=out_range=pc:out_color_matrix=bt709,format=yuv420p,"
        "setparams=range=pc:colorspace=bt709:color_primaries=bt709:color_trc=bt709",
    ),
}


def ffmpeg(*arguments: str) -> None:
    """Run ffmpeg; its own words are the error."""
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-hide_banner", "-loglevel", "error", "-y"]
    subprocess.run([*command, *arguments], check=True)


def make(film: Path, case: Case, folder: Path) -> Path:
    """Make a second of video that has the property."""
    plain, path = folder / "plain.mp4", folder / "video.mp4"
    given = ("-ss", str(case.start_s), "-t", "1", "-i", str(film), "-an")
    ffmpeg(*given, "-vf", case.filters, *case.encode, str(plain))
    turned = ("-display_rotation", str(case.turned)) if case.turned else ()
    ffmpeg(*turned, "-i", str(plain), "-c", "copy", str(path))
    return path


def frames(path: Path) -> list[av.VideoFrame]:
    """The frames of a video."""
    with av.open(str(path)) as container:
        return list(container.decode(video=0))


def careless(frame: av.VideoFrame) -> Pixels:
    """What a reader shows that takes the stored numbers for 8-bit BT.709 of limited range."""
    planes = frame.reformat(format="yuv444p", src_color_range=1, dst_color_range=1).to_ndarray()
    luma, *chroma = planes.astype(np.float32)
    luma, (blue, red) = (luma - 16) * 255 / 219, ((c - 128) * 255 / 224 for c in chroma)
    rgb = luma + 1.5748 * red, luma - 0.1873 * blue - 0.4681 * red, luma + 1.8556 * blue
    return np.asarray(np.clip(np.stack(rgb, -1), 0, 255), np.uint8)


def plan(video: Video, clip: Clip, frame: av.VideoFrame, options: RenditionOptions) -> Rendition:
    """The rendition of a clip, inside its bars."""
    display = Size(video.display_width, video.display_height)
    luma = frame.to_ndarray(format="gray")
    bars = letterbox(np.asarray(luma, np.uint8), full_range=True) if options.sizes else ()
    box = inside_bars(display, [share or 0.0 for share in bars]) if bars else None
    found = plan_rendition(display, box, Fraction(clip.duration_s), clip.n_frames, options)
    if isinstance(found, str):
        raise SystemExit(found)
    return found


def draw(path: Path, options: RenditionOptions, folder: Path) -> Image.Image:
    """The first picture of a video, and that of its clip, side by side."""
    video, stored = probe_video(path, "video"), frames(path)
    pts = [frame.pts or 0 for frame in stored]
    end = 2 * pts[-1] - pts[-2]
    start_s, end_s = (float(tick * video.time_base) for tick in (pts[0], end))
    clip = Clip(
        clip_id="clip",
        video_id="video",
        start_pts=pts[0],
        end_pts=end,
        time_base=video.time_base,
        start_s=start_s,
        end_s=end_s,
        duration_s=end_s - start_s,
        n_frames=len(pts),
    )
    rendition = plan(video, clip, stored[0], options)
    out = folder / "clip.mp4"
    cut_clip(path, video, clip, CutOptions(audio=False), out, rendition=rendition)
    shown = frames(out)[len(pts) // 2].to_ndarray(format="rgb24")
    return side_by_side(careless(stored[len(pts) // 2]), np.asarray(shown, np.uint8))


def side_by_side(*pictures: Pixels) -> Image.Image:
    """Pictures of one height beside each other on white."""
    images = [Image.fromarray(picture) for picture in pictures]
    images = [
        image.resize((round(image.width * HEIGHT / image.height), HEIGHT), Image.Resampling.LANCZOS)
        for image in images
    ]
    width = sum(image.width for image in images) + GAP * (len(images) - 1)
    sheet, left = Image.new("RGB", (width, HEIGHT), "white"), 0
    for image in images:
        sheet.paste(image, (left, 0))
        left += image.width + GAP
    return sheet


def main() -> None:
    """Draw all stills into a folder."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("film", type=Path, help="Big Buck Bunny")
    parser.add_argument("folder", type=Path)
    given = parser.parse_args()
    for name, case in CASES.items():
        with tempfile.TemporaryDirectory() as folder:
            path = make(given.film, case, Path(folder))
            sheet = draw(path, case.options, Path(folder))
        sheet.save(given.folder / f"normalise-{name}.jpg", quality=QUALITY)


if __name__ == "__main__":
    main()
