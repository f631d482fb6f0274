"""Good captions made bad in known ways, to see which faults are found."""

import random
import re
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType

from vidcurate.captioning.prompts import load_prompt
from vidcurate.captioning.quality.camera_claims import camera_claims
from vidcurate.captioning.quality.faults import BRIGHTEST_NIGHT, DARKEST_DAY
from vidcurate.captioning.templates.facts import Facts, measured_number
from vidcurate.captioning.text.cleaning import sentences_of

# Each word may stand for any other of its row.
OBJECTS = (
    "man woman boy girl child toddler",
    "dog cat horse fox elephant rabbit sheep swan",
    "car van truck bus tram train bicycle boat",
    "book phone cup knife ladder basket lamp",
    "table chair bench bed piano",
    "beach forest street river mountain lake desert",
    "red blue green yellow white black grey orange",
)
ACTIONS = (
    "walks runs jumps falls sleeps dances crawls",
    "holds drops throws catches kicks lifts",
    "smiles cries shouts laughs yawns sneezes",
    "cuts pours stirs paints washes burns",
    "opens closes breaks wipes",
    "turns stops waits",
)
COUNTS = ("one two three four five six seven eight nine", "both neither", "first last")
DIRECTIONS = ("left right", "up down", "upwards downwards", "towards past", "forward backwards")
ADDED = (
    "A helicopter lands behind them.",
    "In the background a red car is on fire.",
    "A parrot sits on a branch and calls.",
    "Two policemen run into the picture.",
    "A child releases a yellow balloon.",
)
MOVES = ("pans left", "pans right", "tilts up", "tilts down", "zooms in", "zooms out", "is static")
VAGUE = (
    "The scene appears to convey a sense of calm, suggesting a nice mood with various objects.",
    "It seems to be a beautiful moment, possibly indicating some kind of activity.",
)
OPENERS = (
    "The video shows {}",
    "In this video, {}",
    "In this clip, we can see {}",
    "This image depicts {}",
    "The scene opens with {}",
    "Sure! Here is a description of the video: {}",
    "Caption: {}",
    "We see {}",
)
REFUSALS = (
    "I'm sorry, but I can't assist with that request.",
    "I am unable to view videos. Please provide a description.",
    "As an AI, I cannot identify the people in these images.",
)
FOREIGN = (
    "Ein Mann geht mit seinem Hund am Ufer eines Flusses entlang und wirft einen Stock ins Wasser.",
    "Une femme est assise à la terrasse d'un café et regarde les gens qui traversent la place.",
    "Una niña corre por el parque con un globo rojo y se detiene al lado de una fuente.",
    "Un uomo con il cappello taglia il pane sul tavolo e lo mette in un cesto vicino alla porta.",
    "Een vrouw fietst over de brug en zwaait naar een man die op het water in een boot zit.",
    "Um homem está na praia com o seu cão e olha para as ondas que chegam até ele.",
    "Мужчина в чёрном пальто идёт по мосту и смотрит на реку.",
    "一位老人坐在公园的长椅上喂鸽子。一个孩子在他身后跑来跑去。",
    "赤いコートの女の子が雪の中を走って、白い犬と遊んでいます。",
)
Corrupt = Callable[[str, Facts, random.Random], str | None]


def swapped(rows: Sequence[str]) -> Corrupt:
    """One word changed for another of its row."""
    others = {word: row.split() for row in rows for word in row.split()}

    def corrupt(text: str, _facts: Facts, dice: random.Random) -> str | None:
        found = [hit for hit in re.finditer(r"[A-Za-z]+", text) if hit.group().lower() in others]
        if not found:
            return None
        hit = dice.choice(found)
        word = hit.group().lower()
        other = dice.choice([o for o in others[word] if o != word])
        if hit.group()[0].isupper():
            other = other.capitalize()
        return text[: hit.start()] + other + text[hit.end() :]

    return corrupt


def added(text: str, _facts: Facts, dice: random.Random) -> str:
    """A sentence about what is not there."""
    return f"{text} {dice.choice(ADDED)}"


def other_move(text: str, facts: Facts, dice: random.Random) -> str | None:
    """A movement of the camera that was not measured."""
    camera = str(facts.get("motion", {}).get("camera"))
    wrong = [f"The camera {m}." for m in MOVES if camera not in camera_claims(f"The camera {m}.")]
    return f"{text} {dice.choice(wrong)}" if camera != "None" else None


def other_light(text: str, facts: Facts, _dice: random.Random) -> str | None:
    """Night in a light picture, a sunny day in a dark one, by the rule's own limits."""
    luma = measured_number(facts, "quality", "luma_mean")
    if luma is None:
        return None
    if luma > BRIGHTEST_NIGHT:
        return f"{text} It is night."
    return f"{text} It is a sunny day." if luma < DARKEST_DAY else None


def other_sign(text: str, facts: Facts, _dice: random.Random) -> str | None:
    """Text in quotation marks that is not in the picture."""
    return f'{text} A sign reads "HARBOUR FERRY".' if "text" in facts else None


def cut(text: str, _facts: Facts, dice: random.Random) -> str:
    """Broken off inside its last third."""
    words = text.split()
    end = dice.randrange(len(words) * 2 // 3, len(words) - 1) if len(words) > 1 else 1
    return " ".join(words[:end]).rstrip(".") if len(words) > 1 else text[: len(text) * 3 // 4]


def looped(text: str, _facts: Facts, dice: random.Random) -> str:
    """A sentence, or its end, said again and again."""
    sentences = sentences_of(text)
    if dice.random() < 1 / 2:
        return " ".join([*sentences, *[sentences[-1]] * dice.randrange(2, 6)])
    end = sentences[-1].rstrip(".").split()[-4:]
    return " ".join([text.rstrip("."), *["and", *end] * dice.randrange(3, 9)])


def prompted(text: str, _facts: Facts, dice: random.Random) -> str:
    """A sentence of the prompt before or behind."""
    sentences = [s for s in sentences_of(load_prompt("describe").text) if "{" not in s]
    pair = [text, dice.choice(sentences)]
    dice.shuffle(pair)
    return " ".join(pair)


def foreign(_text: str, _facts: Facts, dice: random.Random) -> str:
    """Another language."""
    return dice.choice(FOREIGN)


def opened(text: str, _facts: Facts, dice: random.Random) -> str:
    """A beginning that speaks of the video."""
    return dice.choice(OPENERS).format(text[0].lower() + text[1:])


def marked(text: str, _facts: Facts, dice: random.Random) -> str:
    """Markdown around it or in it."""
    words = text.split(" ")
    bold = dice.randrange(len(words))
    words[bold] = f"**{words[bold]}**"
    return dice.choice((f"**Caption:** {text}", f"## Description\n\n{text}", " ".join(words)))


def listed(text: str, _facts: Facts, _dice: random.Random) -> str | None:
    """A list of its sentences."""
    sentences = sentences_of(text)
    return "\n".join(f"- {sentence}" for sentence in sentences) if len(sentences) > 1 else None


def vague(text: str, _facts: Facts, dice: random.Random) -> str:
    """All but the first sentence in words that fit any clip."""
    return f"{sentences_of(text)[0]} {dice.choice(VAGUE)}"


def refused(_text: str, _facts: Facts, dice: random.Random) -> str:
    """The model would not."""
    return dice.choice(REFUSALS)


def stilled(_text: str, _facts: Facts, _dice: random.Random) -> str:
    """Things without anything that happens."""
    return "A large wooden table with a red vase, two books and a lamp. There is a blue wall."


def shortened(text: str, _facts: Facts, _dice: random.Random) -> str:
    """A few words."""
    return " ".join(text.split()[:4]).rstrip(",.") + "."


CORRUPTIONS: Mapping[str, Corrupt] = MappingProxyType(
    {
        "swap object": swapped(OBJECTS),
        "swap action": swapped(ACTIONS),
        "swap count": swapped(COUNTS),
        "swap direction": swapped(DIRECTIONS),
        "add": added,
        "camera": other_move,
        "light": other_light,
        "sign": other_sign,
        "cut": cut,
        "loop": looped,
        "prompt": prompted,
        "language": foreign,
        "opener": opened,
        "markup": marked,
        "list": listed,
        "vague": vague,
        "refusal": refused,
        "no action": stilled,
        "short": shortened,
    }
)
