"""Captions without a describing model: a few plain sentences made only of what was measured.

They are a floor for data sets without a model server, and the measured half of a fuller caption.
What was not measured is not mentioned, and no sentence names an intention. Shot scale is left out:
nothing here measures how large a person or object is in the picture. An object is named only by a
tag that is all but certain, since on real video most likelier-than-not ImageNet labels are wrong.
"""

import math
from collections.abc import Mapping
from numbers import Real

from vidcurate.captioning.templates.words import (
    ALL,
    BARS_SHOW_BELOW,
    CAMERA,
    CAMERA_WORTH_SAYING,
    COLOUR,
    CONTRAST,
    DETAIL,
    DIRECTED,
    EVEN_MOTION,
    LIGHT,
    LOCAL_MOTION,
    MARK_WORTH_SAYING,
    MOST_QUOTED,
    MOTION,
    MOTION_WORTH_PLACING,
    PAUSE_WORTH_SAYING,
    SHARP_FROM,
    SIDES,
    SLOW_CAMERA,
    SOUND_WORTH_SAYING,
    SOUNDS,
    TAG_WORTH_SAYING,
    TONE_WORTH_SAYING,
    article,
    bars_phrase,
    colours_phrase,
    different,
    joined,
    length_phrase,
    rate_phrase,
    shape_word,
    share_phrase,
    word_of,
)
from vidcurate.errors import MediaError

Facts = Mapping[str, Mapping[str, object]]  # measured rows by table name
WORDING = "facts-3"  # stands for a model's name; raise it when the same facts give another text


def describe(facts: Facts) -> str:
    """A few English sentences about a clip, from the tables that are there.

    Reads `clips`, `quality`, `motion`, `tags`, `text`, `watermark`, `speech`, `videos` and
    `samples` (`colours`: shares by colour name); empty where none of them holds a number. Raises
    MediaError for a value that is no number.
    """
    sentences = (
        *(first_sentence(facts), second_sentence(facts), tag_sentence(facts)),
        *(text_sentence(facts), mark_sentence(facts), sound_sentence(facts)),
    )
    return " ".join(sentence for sentence in sentences if sentence)


def first_sentence(facts: Facts) -> str:
    """What kind of picture: sharpness, light, length, shape, colours, contrast, detail, bars."""
    looks = [
        word for word in (sharpness_word(facts), light_word(facts), colour_word(facts)) if word
    ]
    duration_s = number(facts, "clips", "duration_s")
    before, after = ("", "") if duration_s is None else length_phrase(duration_s)
    shape = shape_phrase(facts)
    tail = tail_phrase(facts)
    if not (looks or before or after or shape or tail):
        return ""
    subject = " ".join(part for part in (", ".join(looks), before, "clip") if part)
    return f"{article(subject)} {subject}{after}{shape}{tail}."


def second_sentence(facts: Facts) -> str:
    """What happens to the picture: motion, standing still, and how much of it is lost in tone."""
    if is_black(facts):
        return ""
    clauses = [*movement_clauses(facts), *camera_clauses(facts), *tone_clauses(facts)]
    text = joined(clauses)
    return f"{text[:1].upper()}{text[1:]}." if text else ""


def tag_sentence(facts: Facts) -> str:
    """What a classifier all but surely sees."""
    probability = number(facts, "tags", "top_probability") or 0.0
    name = facts.get("tags", {}).get("top_name")
    return f"It looks like: {name}." if name and probability >= TAG_WORTH_SAYING else ""


def text_sentence(facts: Facts) -> str:
    """The first words that were read in the picture, and where, if they are laid over it."""
    row = facts.get("text", {})
    read, overlays = strings_of(row, "strings"), strings_of(row, "overlay_strings")
    if not read:
        return ""
    places = strings_of(row, "overlay_places")
    is_one_place = len(places) == 1 and overlays == read
    place = f" at the {places[0]}" if is_one_place else " in the picture"
    quoted = joined([f"\u201c{text}\u201d" for text in different(read)[:MOST_QUOTED]])
    return f"Text{place} reads {quoted}."


def strings_of(row: Mapping[str, object], column: str) -> tuple[str, ...]:
    """A column of strings, empty where it is not there."""
    values = row.get(column)
    return tuple(map(str, values)) if isinstance(values, tuple | list) else ()


def mark_sentence(facts: Facts) -> str:
    """That a mark lies over the picture, where that is very likely."""
    score, place = number(facts, "watermark", "score"), facts.get("watermark", {}).get("place")
    if score is None or score < MARK_WORTH_SAYING:
        return ""
    return "A mark seems to lie over the picture" + (f" at the {place}." if place else ".")


def sound_sentence(facts: Facts) -> str:
    """What is heard for a good part of the clip, or that nothing is."""
    if (number(facts, "speech", "silence_share") or 0.0) >= ALL:
        return "No sound is heard."
    heard: dict[str, list[str]] = {}
    for sound in SOUNDS:
        share = number(facts, "speech", f"{sound}_share") or 0.0
        if share >= SOUND_WORTH_SAYING:
            part = "throughout" if share >= ALL else f"for {share_phrase(share)} of the time"
            heard.setdefault(part, []).append(sound)
    told = joined([f"{joined(sounds)} {part}" for part, sounds in heard.items()])
    return f"One hears {told}." if told else ""


def is_black(facts: Facts) -> bool:
    """Whether all frames are black, so that no other measurement means anything."""
    return (number(facts, "quality", "black_share") or 0.0) >= ALL


def sharpness_word(facts: Facts) -> str:
    """That the clip is sharp, where it is plain."""
    value = number(facts, "quality", "sharpness") or 0.0
    return "sharp" if value >= SHARP_FROM and not is_black(facts) else ""


def light_word(facts: Facts) -> str:
    """How light."""
    if is_black(facts):
        return "black"
    value = number(facts, "quality", "luma_mean")
    return "" if value is None else word_of(value, LIGHT)


def colour_word(facts: Facts) -> str:
    """How colourful, where it is out of the ordinary."""
    value = number(facts, "quality", "colourfulness")
    return "" if value is None or is_black(facts) else word_of(value, COLOUR)


def shape_phrase(facts: Facts) -> str:
    """Shape and size as displayed, and frame rate: " in landscape format at 1280x720 and …"."""
    width, height = (number(facts, "videos", side) for side in ("display_width", "display_height"))
    rate = number(facts, "videos", "frame_rate")
    size = f"{width:.0f}x{height:.0f}" if width and height else ""
    pace = rate_phrase(rate, is_vfr=bool(facts["videos"].get("is_vfr"))) if rate else ""
    shape = f" in {shape_word(width, height)} format" if width and height else ""
    values = joined([value for value in (size, pace) if value])
    return f"{shape} at {values}" if values else ""


def tail_phrase(facts: Facts) -> str:
    """Colours, contrast, detail and bars: ", mostly green, with low contrast"."""
    if is_black(facts):
        return ""
    colours = colours_phrase(inner_colours(facts))
    rest = [
        "" if value is None else word_of(value, bands)
        for value, bands in (
            (number(facts, "quality", "luma_spread"), CONTRAST),
            (number(facts, "quality", "sharpness"), DETAIL),
        )
    ]
    if bars_share(facts):
        rest.append(
            bars_phrase(*(number(facts, "quality", f"letterbox_{s}") or 0.0 for s in SIDES))
        )
    told = joined([part for part in rest if part])
    return (f", {colours}" if colours else "") + (f", with {told}" if told else "")


def bars_share(facts: Facts) -> float:
    """Share of the picture under black bars; 0 where a black ground makes its margins look so."""
    share = number(facts, "quality", "letterbox_share") or 0.0
    black = named_colours(facts).get("black", 0.0)
    return 0.0 if share >= 1 or (black - share) / (1 - share) >= BARS_SHOW_BELOW else share


def named_colours(facts: Facts) -> dict[str, float]:
    """Shares of the named colours in the whole picture."""
    colours = facts.get("samples", {}).get("colours")
    if not isinstance(colours, Mapping):
        return {}
    return {str(name): as_number(share, "samples.colours") for name, share in colours.items()}


def inner_colours(facts: Facts) -> dict[str, float]:
    """Shares of the named colours inside the black bars, which are no part of the picture."""
    colours, bars = named_colours(facts), bars_share(facts)
    if "black" in colours:
        colours["black"] = max(0.0, colours["black"] - bars)
    return {name: share / (1 - bars) for name, share in colours.items()}


def movement_clauses(facts: Facts) -> list[str]:
    """How much moves, whether all of the picture does, and for how long nothing does."""
    mean = number(facts, "quality", "motion_mean")
    still = number(facts, "quality", "freeze_share") or 0.0
    if still >= ALL:
        return ["the picture stands still throughout"]
    pause = f"the picture stands still for {share_phrase(still)} of the time"
    pauses = [pause] if still >= PAUSE_WORTH_SAYING else []
    if mean is None:
        return pauses
    motion = f"there is {word_of(mean, MOTION)}{motion_place(facts, mean)}"
    if pauses and mean >= MOTION_WORTH_PLACING:
        return [f"{motion}, but {pause}"]
    return [motion, *pauses]


def motion_place(facts: Facts, mean: float) -> str:
    """Where it moves, if that is plain; `mean` in frame diagonals a second."""
    spread = number(facts, "quality", "motion_spread")
    if spread is None or mean < MOTION_WORTH_PLACING:
        return ""
    if spread / mean <= EVEN_MOTION:
        return " across the whole picture"
    return " in parts of the picture" if spread / mean >= LOCAL_MOTION else ""


def camera_clauses(facts: Facts) -> list[str]:
    """What the camera does for at least half of the clip, if that is known."""
    camera = str(facts.get("motion", {}).get("camera"))
    share = number(facts, "motion", f"{camera}_share") or 0.0
    if camera not in CAMERA or share < CAMERA_WORTH_SAYING:
        return []
    speed = number(facts, "motion", "camera_speed")
    is_slow = camera in DIRECTED and speed is not None and speed < SLOW_CAMERA
    return [f"the camera {'slowly ' * is_slow}{CAMERA[camera]}"]


def tone_clauses(facts: Facts) -> list[str]:
    """How much is black for a time, near black, or near white, unless its colours say so."""
    said = colours_phrase(inner_colours(facts)).replace(",", "").split()
    black = number(facts, "quality", "black_share") or 0.0
    dark = (number(facts, "quality", "dark_share") or 0.0) - bars_share(facts)
    bright = number(facts, "quality", "bright_share") or 0.0
    blank = [f"the picture is black for {share_phrase(black)} of the time"]
    return (blank if black >= PAUSE_WORTH_SAYING else []) + [
        f"{share_phrase(share)} of the picture is close to {tone}"
        for tone, share in (("black", dark), ("white", bright))
        if share >= TONE_WORTH_SAYING and tone not in said
    ]


def number(facts: Facts, table: str, column: str) -> float | None:
    """A measured number, or None where it was not measured."""
    value = facts.get(table, {}).get(column)
    return None if value is None else as_number(value, f"{table}.{column}")


def as_number(value: object, name: str) -> float:
    """A finite number; raises MediaError for anything else."""
    if not isinstance(value, Real) or not math.isfinite(value):
        raise MediaError(f"{name} is {value!r}, not a number: measure the clip again")
    return float(value)
