"""Captions and file names that every trainer reads as they are meant."""

import hashlib
import re

# Signs that only turn the direction of writing or mark the order of bytes: no words are lost.
WITHOUT_WORDS = dict.fromkeys(
    [0x061C, 0x200B, 0x200E, 0x200F, *range(0x202A, 0x202F), *range(0x2060, 0x2070), 0xFEFF]
)
# What trainers read as a place for a medium or as a special token: <video>, </s>, <|im_end|>.
TAG = re.compile(r"<([/|]?\w[\w-]*[/|]?)>")
# What ai-toolkit puts its trigger word in place of.
TRIGGER = re.compile(r"\[(trigger|name)\]", re.IGNORECASE)
# C0 and C1, with the ends of lines that Unicode adds.
CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
SAFE_STEM = re.compile(r"[a-z0-9_][a-z0-9_-]*")
MAX_STEM = 100
HASH_LENGTH = 10


def caption_line(text: str) -> str:
    """Return a caption as one line of plain text, which no trainer takes for anything else.

    Line ends, tabs and other controls become spaces, and runs of them one space. `<video>` and its
    like become `(video)`, `[trigger]` and `[name]` likewise.
    """
    valid = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    words = valid.translate(WITHOUT_WORDS)
    line = " ".join(CONTROL.sub(" ", words).split())
    line = TAG.sub(lambda tag: f"({tag[1].strip('/|')})", line)
    return TRIGGER.sub(r"(\1)", line)


def safe_stem(name: str) -> str:
    """Return a name for a clip's files: lower-case ASCII letters, digits, `_` and `-`.

    A name that is safe stays. Another gets a hash of what it was, so that names which differ only
    in case, or in what cannot stay, have different stems.
    """
    if SAFE_STEM.fullmatch(name) and len(name) <= MAX_STEM and not is_number(name):
        return name
    kept = re.sub(r"[^a-z0-9_]+", "-", name.lower())[: MAX_STEM - HASH_LENGTH - 6].strip("-")
    mark = hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()[:HASH_LENGTH]
    return f"clip-{kept}-{mark}" if kept else f"clip-{mark}"


def is_number(text: str) -> bool:
    """Check whether readers of tables would take a text for a number, as they do `12` and `nan`."""
    try:
        float(text)
    except ValueError:
        return False
    return True
