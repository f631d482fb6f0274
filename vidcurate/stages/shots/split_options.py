"""The options of split: what clips are, how long, and what is cut off their ends."""

from typing import Literal, Self

from pydantic import model_validator

from vidcurate.options import Choice, StageConfig, choice, listed, option


class Pieces(Choice):
    """Long shots in pieces."""

    stride_s: float | None = option(
        None,
        "Time between the beginnings of two pieces: they overlap if it is less than max_clip_s; "
        "with none each piece follows the one before",
        unit="seconds",
        ge=0.04,
    )


class Stride(Pieces):
    """Long shots in pieces alone."""

    name: Literal["stride"] = "stride"


class Truncate(Choice):
    """The beginning of a long shot."""

    name: Literal["truncate"] = "truncate"


class Scenes(Pieces):
    """Long shots in scenes, and these in pieces."""

    name: Literal["scenes"] = "scenes"
    min_scene_deviations: float = option(
        0.5,
        "How much deeper than the mean a change of scene is; SceneTiling uses 0.5",
        unit="standard deviations",
        ge=0,
    )


class NoStitching(Choice):
    """Shots as they are."""

    name: Literal["none"] = "none"


class Neighbours(Choice):
    """Neighbouring shots that look alike are joined."""

    name: Literal["neighbours"] = "neighbours"
    max_stitch_distance: float | None = option(
        None,
        "Distance up to which the vectors of two frames are alike; none is Panda-70M's 0.6, or "
        "0.75 for backend appearance",
        ge=0,
        le=2,
    )
    max_stitch_change: float | None = option(
        None,
        "Leave out a shot whose first and last frame are farther apart, as it may contain a "
        "transition; none is Panda-70M's 1.0, or no limit for backend appearance",
        ge=0,
        le=2,
    )
    chop_s: float | None = option(
        None,
        "Length of the pieces into which shots are cut first, so that a long shot is joined only "
        "as far as it stays alike; Panda-70M uses 5",
        unit="seconds",
        gt=0,
    )


class TrimAll(Choice):
    """All ends are trimmed."""

    name: Literal["all"] = "all"


class TrimGradual(Choice):
    """Ends at gradual transitions are trimmed."""

    name: Literal["gradual"] = "gradual"
    max_trim_confidence: float = option(
        0.0, "Also trim at cuts with a lower confidence than this", ge=0, le=1
    )


class Shots(Choice):
    """Clips are what lies between cuts."""

    name: Literal["shots"] = "shots"


class SpokenSpans(Choice):
    """Clips are the spans that show what spoken sentences say."""

    without = (
        *("long_shots", "stitch", "trim_s", "trim_share", "trim_at", "min_change", "transitions"),
    )
    name: Literal["spoken"] = "spoken"
    min_similarity: float | None = option(
        None, "Leave out sentences that fit their span less; none takes all", ge=-2, le=2
    )
    keep_share: float | None = option(
        None, "Take this share of all sentences, those that fit best", gt=0, le=1
    )
    keep_pairs: int | None = option(
        None, "Take so many sentences of the data set, those that fit best", ge=1
    )

    @model_validator(mode="after")
    def refuse_two_limits(self) -> Self:
        """Refuse more than one way to say which sentences are taken; raises ValueError."""
        limits = ("min_similarity", "keep_share", "keep_pairs")
        given = [name for name in limits if getattr(self, name) is not None]
        if len(given) > 1:
            raise ValueError(f"give one of {listed(given, 'and')}, which all say what is taken")
        return self


class SplitConfig(StageConfig):
    """How long clips are, and what is cut off their ends."""

    spans: Shots | SpokenSpans = choice(
        Shots,
        "What clips are: shots: what lies between cuts; spoken: the spans that show what is said, "
        "of the table spoken, which may overlap",
    )
    min_clip_s: float = option(
        2.0,
        "Shorter clips are left out, and so are single frames unless it is 0",
        unit="seconds",
        ge=0,
    )
    max_clip_s: float = option(60.0, "Longer shots are divided", unit="seconds", gt=0)
    long_shots: Stride | Truncate | Scenes = choice(
        Stride,
        "How long shots are divided: stride: into pieces; truncate: only the beginning stays; "
        "scenes: where the scene changes, by the vectors of embed, and then into pieces",
    )
    stitch: NoStitching | Neighbours = choice(
        NoStitching,
        "neighbours: join neighbouring shots that look alike at their cut, by the vectors of embed",
    )
    trim_s: float = option(0.0, "Cut this off each end of a shot", unit="seconds", ge=0)
    trim_share: float = option(
        0.0,
        "Cut this share of a shot's length off each end, where that is more than trim_s; "
        "Panda-70M uses 0.1",
        ge=0,
        lt=0.5,
    )
    trim_at: TrimAll | TrimGradual = choice(
        TrimAll, "Trim all ends of shots, or only those at gradual transitions"
    )
    min_change: float = option(
        0.0,
        "Leave out a shot whose first and last frame are nearer than this by the vectors of embed, "
        "as it stands still; 0 keeps all, Panda-70M uses 0.15 with ImageBind",
        ge=0,
        le=2,
    )
    transitions: Literal["drop", "keep"] = option(
        "drop", "Leave out gradual transitions, or make clips of them too"
    )

    @model_validator(mode="after")
    def check_lengths(self) -> Self:
        """Refuse a shortest clip that is longer than the longest; raises ValueError."""
        if self.min_clip_s > self.max_clip_s:
            raise ValueError(f"min_clip_s {self.min_clip_s} is above max_clip_s {self.max_clip_s}")
        return self
