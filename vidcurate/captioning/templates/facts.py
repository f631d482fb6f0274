"""Captions without a describing model: what was measured of a clip, as a person would say it.

They are a floor for data sets without a model server, and the measured half of a fuller caption.
What was not measured is not mentioned, and no sentence names an intention. Shot scale is left out:
nothing here measures how large a person or object is in the picture. An object is named only by a
tag that is all but certain, since on real video most likelier-than-not ImageNet labels are wrong.
The file (its size, frame rate and length) is left out: it is not part of what is shown.
"""

import math
from collections.abc import Mapping
from numbers import Real

from vidcurate.captioning.templates.words import (
    ALL,
    CAMERA,
    COLOUR,
    COLOUR_AS_NOUN,
    CONTRAST,
    DETAIL,
    DIRECTED,
    EVEN_MOTION,
    LIGHT,
    LOCAL_MOTION,
    MANY_COLOURS,
    MAX_BLACK_INSIDE_BARS,
    MAX_QUOTED,
    MIN_BLACK_SHARE,
    MIN_CAMERA_SHARE,
    MIN_CRISP_SHARPNESS,
    MIN_MARK_SCORE,
    MIN_PLACED_MOTION,
    MIN_SOUND_SHARE,
    MIN_TAG_PROBABILITY,
    MIN_TONE_SHARE,
    MOVEMENT,
    NOUN_TAGGERS,
    REGIONS,
    SIDES,
    SLOW_CAMERA,
    SOUNDS,
    TIME,
    as_list,
    band_word,
    bars_phrase,
    colours_phrase,
    different,
    share_phrase,
    with_article,
)
from vidcurate.errors import MediaError

Facts = Mapping[str, Mapping[str, object]]  # measured rows by table name
WORDING = "facts-4"  # stands for a model's name; raise it when the same facts give another text


def describe_clip(facts: Facts, style: str = "general", trigger: str = "") -> str:
    """Describe a clip in English, from the tables that are there, for the purpose of its caption.

    Reads `quality`, `motion`, `tags`, `text`, `watermark`, `speech` and `samples` (`colours`:
    shares by colour name); empty where none of them holds a number. LoRA styles give the trigger
    word and short phrases, and leave out what the LoRA is to learn; the others give sentences.
    Raises MediaError for a value that is no number.
    """
    if style.startswith("lora-"):
        phrases = {
            "lora-character": (*look_phrases(facts), *motion_phrases(facts)),
            "lora-style": motion_phrases(facts),
            "lora-motion": (*look_phrases(facts), *detail_phrases(facts)),
        }[style]
        return ", ".join(word for word in (trigger, *phrases, *content_phrases(facts)) if word)
    sentences = [
        *(look_sentence(facts), tone_sentence(facts), *motion_sentences(facts)),
        *(tag_sentence(facts), text_sentence(facts), mark_sentence(facts)),
        "" if style == "text-to-video" else sound_sentence(facts),
    ]
    text = " ".join(sentence for sentence in sentences if sentence)
    return f"{trigger}, {text[:1].lower()}{text[1:]}" if trigger and text else text


def look_sentence(facts: Facts) -> str:
    """What the picture looks like: "The picture is dim, mostly green, with low contrast."."""
    if is_black(facts):
        return "The picture is black throughout."
    looks = [
        *(["crisp"] if is_crisp(facts) else []),
        *banded(facts, "luma_mean", LIGHT),
        *banded(facts, "colourfulness", COLOUR),
    ]
    colours = colours_phrase(inner_colours(facts))
    if colours == MANY_COLOURS:
        looks, colours = [*looks, colours], ""
    details = as_list([*contrast_phrases(facts), *bars_phrases(facts)])
    look = ", ".join(part for part in (as_list(looks), colours) if part)
    if look:
        return f"The picture is {look}, with {details}." if details else f"The picture is {look}."
    return f"The picture has {details}." if details else ""


def tone_sentence(facts: Facts) -> str:
    """How much of the picture is near black or white, unless its colours say so."""
    if is_black(facts):
        return ""
    colours = colours_phrase(inner_colours(facts)).replace(",", "").split()
    dark = (measured_number(facts, "quality", "dark_share") or 0.0) - bars_share(facts)
    bright = measured_number(facts, "quality", "bright_share") or 0.0
    tones = [
        f"{share_phrase(share)} of the picture is nearly {tone}"
        for tone, share in (("black", dark), ("white", bright))
        if share >= MIN_TONE_SHARE and tone not in colours
    ]
    text = as_list(tones)
    return f"{text[:1].upper()}{text[1:]}." if text else ""


def motion_sentences(facts: Facts) -> list[str]:
    """What the camera does and what moves, and for how long all is black."""
    if is_black(facts):
        return []
    black = measured_number(facts, "quality", "black_share") or 0.0
    pause = [f"The picture is black {band_word(black, TIME)}."] if black >= MIN_BLACK_SHARE else []
    if is_frozen(facts):
        return ["Nothing moves.", *pause]
    camera, movement = camera_clause(facts), movement_clause(facts)
    link = " while " if movement.startswith("something") else " and "
    text = link.join(clause for clause in (camera, movement) if clause)
    return [*([f"{text[:1].upper()}{text[1:]}."] if text else []), *pause]


def tag_sentence(facts: Facts) -> str:
    """What a classifier is almost certain to see; a user's own label is quoted."""
    name = tag_of(facts)
    if not name:
        return ""
    is_noun = facts["tags"].get("backend") in NOUN_TAGGERS
    return f"It seems to show {with_article(name) if is_noun else f'“{name}”'}."


def text_sentence(facts: Facts) -> str:
    """The first words that were read in the picture, and where, if they are laid over it."""
    quoted, region = texts_in(facts)
    return f"Text {region or 'in the picture'} reads {as_list(quoted)}." if quoted else ""


def mark_sentence(facts: Facts) -> str:
    """A mark over the picture, where one is very likely."""
    found = mark_phrases(facts)
    return f"There seems to be {with_article(found[0])}." if found else ""


def sound_sentence(facts: Facts) -> str:
    """What is heard for a good part of the clip, or that nothing is."""
    if (measured_number(facts, "speech", "silence_share") or 0.0) >= ALL:
        return "Nothing can be heard."
    sounds_by_time: dict[str, list[str]] = {}
    for sound in SOUNDS:
        share = measured_number(facts, "speech", f"{sound}_share") or 0.0
        if share >= MIN_SOUND_SHARE:
            sounds_by_time.setdefault(band_word(share, TIME), []).append(sound)
    if not sounds_by_time:
        return ""
    (when, sounds), *others = sounds_by_time.items()
    first = f"{as_list(sounds)} can be heard {when}"
    text = as_list([first, *(f"{as_list(more)} {when}" for when, more in others)])
    return f"{text[:1].upper()}{text[1:]}."


def look_phrases(facts: Facts) -> tuple[str, ...]:
    """Light and colours, as what may differ between clips of one character or movement."""
    if is_black(facts):
        return ("black picture",)
    light = [f"{word} picture" for word in banded(facts, "luma_mean", LIGHT)]
    strength = [COLOUR_AS_NOUN[word] for word in banded(facts, "colourfulness", COLOUR)]
    colours = colours_phrase(inner_colours(facts))
    return (*light, *strength, "many colours" if colours == MANY_COLOURS else colours)


def detail_phrases(facts: Facts) -> tuple[str, ...]:
    """Contrast and sharpness."""
    if is_black(facts):
        return ()
    return (*contrast_phrases(facts), *(["crisp detail"] if is_crisp(facts) else []))


def motion_phrases(facts: Facts) -> tuple[str, ...]:
    """What the camera does and what moves: "camera slowly pans left", "some movement"."""
    if is_black(facts):
        return ()
    if is_frozen(facts):
        return ("nothing moves",)
    movement = movement_clause(facts).removeprefix("there is ").replace(",", "")
    movement = movement.replace("something moves", "movement")
    return camera_clause(facts).removeprefix("the "), movement


def content_phrases(facts: Facts) -> tuple[str, ...]:
    """What is seen, read and laid over the picture, which no LoRA is to learn."""
    quoted, region = texts_in(facts)
    text = " ".join(part for part in ("text", as_list(quoted), region) if part) if quoted else ""
    return (tag_of(facts), text, *mark_phrases(facts), *bars_phrases(facts))


def camera_clause(facts: Facts) -> str:
    """What the camera does for at least half of the clip, if that is known."""
    camera = str(facts.get("motion", {}).get("camera"))
    share = measured_number(facts, "motion", f"{camera}_share") or 0.0
    if camera not in CAMERA or share < MIN_CAMERA_SHARE:
        return ""
    speed = measured_number(facts, "motion", "camera_speed")
    is_slow = camera in DIRECTED and speed is not None and speed < SLOW_CAMERA
    return f"the camera {'slowly ' * is_slow}{CAMERA[camera]}"


def movement_clause(facts: Facts) -> str:
    """How much moves and where; under a camera that moves, only what it does not explain."""
    region = REGIONS.get(str(facts.get("motion", {}).get("object_region")), "")
    if camera_clause(facts) not in ("", f"the camera {CAMERA['static']}"):
        own = measured_number(facts, "motion", "object_motion") or 0.0
        return f"something moves {region}" if region and own >= MIN_PLACED_MOTION else ""
    mean = measured_number(facts, "quality", "motion_mean")
    if mean is None:
        return ""
    amount = band_word(mean, MOVEMENT)
    if mean < MIN_PLACED_MOTION:
        return amount
    return f"{amount}, strongest {region}" if region else amount + motion_extent(facts, mean)


def motion_extent(facts: Facts, mean: float) -> str:
    """Whether all of the picture moves or parts of it; `mean` in frame diagonals a second."""
    spread = measured_number(facts, "quality", "motion_spread")
    if spread is None:
        return ""
    if spread / mean <= EVEN_MOTION:
        return " across the whole picture"
    return " in parts of the picture" if spread / mean >= LOCAL_MOTION else ""


def banded(facts: Facts, column: str, bands: tuple[tuple[float, str], ...]) -> list[str]:
    """The word for a number of `quality`; none where it was not measured or is ordinary."""
    value = measured_number(facts, "quality", column)
    word = "" if value is None else band_word(value, bands)
    return [word] if word else []


def contrast_phrases(facts: Facts) -> list[str]:
    """Contrast and want of detail, where they stand out."""
    return [*banded(facts, "luma_spread", CONTRAST), *banded(facts, "sharpness", DETAIL)]


def bars_phrases(facts: Facts) -> list[str]:
    """Where the black bars are."""
    sizes = [measured_number(facts, "quality", f"letterbox_{side}") or 0.0 for side in SIDES]
    phrase = bars_phrase(*sizes) if bars_share(facts) and not is_black(facts) else ""
    return [phrase] if phrase else []


def mark_phrases(facts: Facts) -> list[str]:
    """A mark over the picture, where one is very likely."""
    score = measured_number(facts, "watermark", "score")
    region = REGIONS.get(str(facts.get("watermark", {}).get("region")), "")
    if score is None or score < MIN_MARK_SCORE:
        return []
    return [f"watermark {region or 'over the picture'}"]


def tag_of(facts: Facts) -> str:
    """The label that is all but certain, if there is one."""
    probability = measured_number(facts, "tags", "top_probability") or 0.0
    return str(facts["tags"]["top_name"]) if probability >= MIN_TAG_PROBABILITY else ""


def texts_in(facts: Facts) -> tuple[list[str], str]:
    """The first strings that were read, quoted; and where, if all of them lie over one region."""
    row = facts.get("text", {})
    read, overlays = strings_of(row, "strings"), strings_of(row, "overlay_strings")
    regions = strings_of(row, "overlay_regions")
    is_one_region = len(regions) == 1 and overlays == read
    quoted = [f"\u201c{text}\u201d" for text in different(read)[:MAX_QUOTED]]
    return quoted, REGIONS.get(regions[0], "") if is_one_region else ""


def strings_of(row: Mapping[str, object], column: str) -> tuple[str, ...]:
    """A column of strings, empty where it is not there."""
    values = row.get(column)
    return tuple(map(str, values)) if isinstance(values, tuple | list) else ()


def is_black(facts: Facts) -> bool:
    """Whether all frames are black, so that no other measurement means anything."""
    return (measured_number(facts, "quality", "black_share") or 0.0) >= ALL


def is_frozen(facts: Facts) -> bool:
    """Whether all frames repeat the one before; in animation many do, and yet it moves."""
    return (measured_number(facts, "quality", "freeze_share") or 0.0) >= ALL


def is_crisp(facts: Facts) -> bool:
    """Whether the picture has sharp edges."""
    return (measured_number(facts, "quality", "sharpness") or 0.0) >= MIN_CRISP_SHARPNESS


def bars_share(facts: Facts) -> float:
    """Share of the picture under black bars; 0 where a black ground makes its margins look so."""
    share = measured_number(facts, "quality", "letterbox_share") or 0.0
    black = named_colours(facts).get("black", 0.0)
    return 0.0 if share >= 1 or (black - share) / (1 - share) >= MAX_BLACK_INSIDE_BARS else share


def named_colours(facts: Facts) -> dict[str, float]:
    """Shares of the named colours in the whole picture."""
    colours = facts.get("samples", {}).get("colours")
    if not isinstance(colours, Mapping):
        return {}
    return {str(name): finite_number(share, "samples.colours") for name, share in colours.items()}


def inner_colours(facts: Facts) -> dict[str, float]:
    """Shares of the named colours inside the black bars, which are no part of the picture."""
    colours, bars = named_colours(facts), bars_share(facts)
    if "black" in colours:
        colours["black"] = max(0.0, colours["black"] - bars)
    return {name: share / (1 - bars) for name, share in colours.items()}


def measured_number(facts: Facts, table: str, column: str) -> float | None:
    """A measured number, or None where it was not measured."""
    value = facts.get(table, {}).get(column)
    return None if value is None else finite_number(value, f"{table}.{column}")


def finite_number(value: object, name: str) -> float:
    """A finite number; raises MediaError for anything else."""
    if not isinstance(value, Real) or not math.isfinite(value):
        raise MediaError(f"{name} is {value!r}, not a number: measure the clip again")
    return float(value)
