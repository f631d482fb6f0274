"""motion: how the camera and objects move in each clip, from the flow that scan measured."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from vidcurate.clips.grouping import clips_by_video
from vidcurate.clips.regions import REGIONS
from vidcurate.clips.windows import column_numbers, window
from vidcurate.errors import MediaError
from vidcurate.options import StageConfig, option
from vidcurate.records import CLIPS, MOTION, SCANS, SOURCES, Clip, MotionScore
from vidcurate.stage import Lookup, MapStage, Version, Workspace

FLOATS = (
    *("motion_mean", "motion_spread", "pan", "tilt", "zoom", "roll"),
    *("agreement", "shake", "object_motion"),
)
SAMPLE_COLUMNS = ("pts", *FLOATS, "object_cells", "colours")

MOVEMENTS = ("pan_left", "pan_right", "tilt_up", "tilt_down", "zoom_in", "zoom_out", "roll")
CAMERA = ("static", *MOVEMENTS, "shake")
UNKNOWN = "unknown"
# Mean distance of a 16:9 picture's points from its centre, in diagonals: by it a zoom or a roll is
# as fast as the pan that moves the picture as far.
REACH = 0.26
# A second movement is named with the fastest from this share of its speed: a diagonal is pan and
# tilt, the slight drift of a pan is not.
MIN_SECOND_SHARE = 0.5
# Fewer points than this share that follow one camera are a dissolve or a crowd, not a camera.
MIN_AGREEMENT = 0.2
# From this share of the speed a change of velocity within 80 ms is no operator's start or stop.
# Of 87 web videos, measured at every frame, 54 % of the pairs of shaky ones change by more and 4 %
# of those of smooth ones; in no smooth one most do.
UNSTEADY = 0.4
# Counter-clockwise by 45 degrees each.
DIRECTIONS = ("right", "up right", "up", "up left", "left", "down left", "down", "down right")
MIN_COLOUR_SHARE, MAX_COLOURS = 0.15, 3
# As NVIDIA's curators sample.
VECTOR_FRAMES_A_SECOND, MIN_VECTOR_FRAMES = 2, 10

Values = NDArray[np.float64]
Flags = NDArray[np.bool_]


class MotionConfig(StageConfig):
    """From which speed something counts as moving."""

    min_moving_speed: float = option(
        0.006,
        "Speed below which the camera is static and the picture still",
        unit="frame diagonals a second",
        gt=0,
        le=1,
    )
    min_shake_change: float = option(
        0.02,
        "Smallest change of the camera's velocity within 80 ms that is shake",
        unit="frame diagonals a second",
        gt=0,
        le=10,
    )
    vectors: bool = option(
        False, "Also read the encoder's motion vectors, which decodes each clip once more"
    )


@dataclass(frozen=True, slots=True)
class Camera:
    """What the camera does in each sample: its speed, and a flag for each of CAMERA."""

    speed: Values
    flags: Mapping[str, Flags]


def motion(
    clips: Sequence[Clip], config: MotionConfig, _tool: None, workspace: Workspace
) -> Iterator[list[MotionScore]]:
    """Measure the motion of each clip by its samples, about one a second.

    Speeds are in frame diagonals a second. `flow_mean` and `flow_spread` are mean and standard
    deviation of the optical flow's length over the picture; `still_share` the share of samples
    with less than `min_moving_speed`. The camera's movements are shares of the samples in which a
    similarity transform fits; one sample can pan and tilt. `shake` is handheld or other
    irregular translation: it changes within 80 ms, or reverses from sample to sample, and with
    such a sample a neighbour counts that moves against it. `camera` is
    the movement of the largest share, "unknown" where none fits; `camera_speed` how far it moves
    the picture. `object_motion` is what the camera does not explain; region and direction are those
    of the cell of a 3 x 3 grid that moves most, none below `min_moving_speed`. `dominant_colours`
    are up to three, `colour_diversity` the entropy of all shares, 0..1. `vector_mean` and
    `vector_patch_min` are those of media.visual.motion_vectors, null unless asked for.
    A clip between two samples is judged by the nearest one, and its `n_samples` is 0.
    Raises MediaError where the video's flow was never measured, or is no number, and for a clip
    without a sample of a scan of keyframes, whose next one may lie in another shot.
    """
    from vidcurate.media.scan.files import read_samples

    for video_id, clips_of_video in clips_by_video(clips):
        scan = workspace.lookup(SCANS)[video_id]
        table = read_samples(workspace.file_of(SCANS, scan.samples_file), SAMPLE_COLUMNS)
        samples = table.filter(pc.is_valid(table["motion_mean"]))
        for clip in clips_of_video:
            inside = window(samples, clip)
            if scan.decode == "keyframes" and inside.num_rows == 0:
                raise MediaError("no flow was measured in the clip: set scan.decode to all")
            judged = inside if inside.num_rows else nearest_sample(samples, clip)
            row = motion_row(clip, inside.num_rows, judged, config)
            yield [add_motion_vectors(row, clip, workspace) if config.vectors else row]


def nearest_sample(samples: pa.Table, clip: Clip) -> pa.Table:
    """Return the sample nearest to the middle of a clip that holds none.

    Raises MediaError when there is no sample at all.
    """
    if samples.num_rows == 0:
        raise MediaError(
            "no flow was measured: the video has under 4 frames a second, or is one frame, "
            "or smaller than 32 pixels"
        )
    apart = np.abs(samples["pts"].to_numpy() - (clip.start_pts + clip.end_pts) / 2)
    return samples.slice(int(np.argmin(apart)), 1)


def motion_row(clip: Clip, n_samples: int, samples: pa.Table, config: MotionConfig) -> MotionScore:
    """Make one clip's row from its samples.

    Raises MediaError when a number is missing where it was measured.
    """
    numbers = {name: column_numbers(samples, name) for name in FLOATS}
    if np.isnan(numbers["motion_mean"]).any():
        raise MediaError("the flow of a sample is not a number: scan the video again")
    fits = numbers["agreement"] >= MIN_AGREEMENT
    camera = camera_movements({name: values[fits] for name, values in numbers.items()}, config)
    shares = {name: share_true(flags) for name, flags in camera.flags.items()}
    moved = numbers["object_motion"][~np.isnan(numbers["object_motion"])]
    object_motion = float(moved.mean()) if len(moved) else 0.0
    place, direction = largest_motion(samples["object_cells"], config.min_moving_speed)
    colours = np.array(samples["colours"].to_pylist(), np.float64).mean(axis=0)
    return MotionScore(
        clip_id=clip.clip_id,
        video_id=clip.video_id,
        n_samples=n_samples,
        flow_mean=float(numbers["motion_mean"].mean()),
        flow_spread=float(numbers["motion_spread"].mean()),
        still_share=share_true(numbers["motion_mean"] < config.min_moving_speed),
        camera=dominant_movement(camera) if fits.any() else UNKNOWN,
        camera_speed=float(camera.speed.mean()) if fits.any() else 0.0,
        **{f"{name}_share": value for name, value in shares.items()},
        object_motion=object_motion,
        object_region=place,
        object_direction=direction,
        dominant_colours=dominant_colours(colours),
        colour_diversity=colour_entropy(colours),
        vector_mean=None,
        vector_patch_min=None,
    )


def add_motion_vectors(row: MotionScore, clip: Clip, workspace: Workspace) -> MotionScore:
    """Add what the encoder's motion vectors say, if the codec has them.

    Raises MediaError for a video that is gone.
    """
    from vidcurate.media.io.content import video_path
    from vidcurate.media.scan.files import read_frames
    from vidcurate.media.visual.motion_vectors import vector_motion

    scan = workspace.lookup(SCANS)[clip.video_id]
    frames = window(read_frames(workspace.file_of(SCANS, scan.frames_file), ("pts",)), clip)
    pts = frames["pts"].to_numpy()
    count = min(len(pts), max(MIN_VECTOR_FRAMES, round(VECTOR_FRAMES_A_SECOND * clip.duration_s)))
    chosen = pts[((np.arange(count) + 0.5) * len(pts) / count).astype(int)]
    path = video_path(workspace.lookup(SOURCES)[clip.video_id])
    found = vector_motion(path, scan.time_base, chosen.tolist(), scan.clock_offsets)
    if found is None:
        return row
    return replace(row, vector_mean=found.mean, vector_patch_min=found.min_patch)


def camera_movements(numbers: Mapping[str, Values], config: MotionConfig) -> Camera:
    """Classify the camera's movements in samples in which they are known, in time order."""
    pan, tilt, zoom = numbers["pan"], numbers["tilt"], REACH * numbers["zoom"]
    roll = REACH * np.abs(numbers["roll"])
    speeds = dict(zip(MOVEMENTS, (-pan, pan, tilt, -tilt, zoom, -zoom, roll), strict=True))
    fastest = np.max(list(speeds.values()), axis=0)
    moves = fastest >= config.min_moving_speed
    shift = np.hypot(pan, tilt)
    # A sample before a cut or the video's end has no second pair, and NaN is not above anything.
    unsteady = (numbers["shake"] >= config.min_shake_change) & (
        numbers["shake"] >= UNSTEADY * np.maximum(shift, fastest)
    )
    velocity = np.stack([pan, tilt], axis=1)
    to_and_fro = reverses(velocity) & (shift >= MIN_SECOND_SHARE * fastest)
    shakes = with_neighbours(unsteady | (moves & to_and_fro), moves, velocity)
    least = np.maximum(config.min_moving_speed, MIN_SECOND_SHARE * fastest)
    flags = {name: (speed >= least) & ~shakes for name, speed in speeds.items()}
    return Camera(fastest, {"static": ~moves & ~shakes, **flags, "shake": shakes})


def reverses(velocity: Values) -> Flags:
    """Check whether each velocity, shape (n, 2), opposes those of both its neighbours."""
    against = turns_back(velocity)
    both: Flags = np.append(against, False) & np.insert(against, 0, False)
    return both


def with_neighbours(shakes: Flags, moves: Flags, velocity: Values) -> Flags:
    """Add to shaking samples those that move against a neighbour that shakes.

    A hand's sway has moments of steady speed, which alone look like a short pan.
    """
    against = turns_back(velocity)
    beside_shaking = np.append(against & shakes[1:], False) | np.insert(
        against & shakes[:-1], 0, False
    )
    return shakes | (moves & beside_shaking)


def turns_back(velocity: Values) -> Flags:
    """Check whether each velocity, shape (n, 2), opposes the one before: n - 1 flags."""
    against: Flags = np.sum(velocity[1:] * velocity[:-1], axis=1) < 0
    return against


def dominant_movement(camera: Camera) -> str:
    """Return the movement of the largest share; of equal ones the faster."""

    def rank(name: str) -> tuple[int, float]:
        flags = camera.flags[name]
        return int(flags.sum()), float(camera.speed[flags].sum())

    return max(CAMERA, key=rank)


def largest_motion(cells: pa.ChunkedArray, least: float) -> tuple[str | None, str | None]:
    """Return region and direction of the cell that moves most; None if it is too slow."""
    rows = [row for row in cells.to_pylist() if row is not None]
    if not rows:
        return None, None
    vectors = np.array(rows, np.float64).reshape(len(rows), len(REGIONS), 2)
    lengths = np.hypot(vectors[..., 0], vectors[..., 1])
    place = int(lengths.mean(axis=0).argmax())
    if lengths[:, place].mean() < least:
        return None, None
    right, down = vectors[lengths[:, place].argmax(), place]
    turn = round(float(np.arctan2(-down, right)) / (np.pi / 4)) % len(DIRECTIONS)
    return REGIONS[place], DIRECTIONS[turn]


def dominant_colours(shares: Values) -> tuple[str, ...]:
    """Name the colours that take most of the picture, largest first; at least one."""
    from vidcurate.media.visual.measures import COLOUR_NAMES

    order = np.argsort(-shares, kind="stable")[:MAX_COLOURS]
    named = tuple(COLOUR_NAMES[i] for i in order if shares[i] >= MIN_COLOUR_SHARE)
    return named or (COLOUR_NAMES[order[0]],)


def colour_entropy(shares: Values) -> float:
    """Return the entropy of shares over that of equal ones: 0 for one colour, 1 for all equal."""
    present = shares[shares > 0]
    return float(max(0.0, -(present * np.log(present)).sum() / np.log(len(shares))))


def wants_vectors(config: MotionConfig) -> bool:
    """Check whether the videos themselves are needed."""
    return config.vectors


def share_true(flags: Flags) -> float:
    """Return the share that is true; 0 for none."""
    return float(flags.mean()) if len(flags) else 0.0


MOTION_STAGE = MapStage(
    name="motion",
    summary="Measure how the camera and the scene move in each clip, and name its colours.",
    reads=CLIPS,
    writes=MOTION,
    config=MotionConfig,
    run=motion,
    lookups=(Lookup(SCANS), Lookup(SOURCES, when=wants_vectors)),
    rows_per_part=512,
    version=Version(number=4),
)
