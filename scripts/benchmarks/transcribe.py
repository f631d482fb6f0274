"""Measures heard words: their error rate, onsets, words invented on music, and speed.

The error rate needs a film with a transcript: JSON lines with `full_text` in the order of
`clip_id`, as Vript publishes them; `--scenes` names those of the lines that the film holds. Texts
are compared in small letters, without punctuation. Onsets are held against the voice detector's,
after pauses of 0.3 s and more. Words on music are counted as the model writes them, with the gate
alone, with voice activity alone, and with both. Speed is by the processor's time.
"""

import argparse
import json
import re
import time
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np

from vidcurate.errors import MediaError
from vidcurate.media.audio.mono import MonoPiece, mono_sound
from vidcurate.media.audio.track_choice import find_track
from vidcurate.models.audio.sound_events import EventFinder, open_event_finder
from vidcurate.models.audio.speech_windows import FRAME_S
from vidcurate.models.audio.transcription import RATE_HZ, Samples
from vidcurate.models.audio.voice_activity import FRAME, OpenEar, open_silero
from vidcurate.models.audio.whisper import Whisper, open_whisper
from vidcurate.models.audio.word_gate import WordGate
from vidcurate.stages.sources.heard_words import HeardSpeech, hear_speech

PIECE_S = 30
MIN_PAUSE_FRAMES = round(0.3 / FRAME_S)
NEAR_S = 2.0  # a word further from an onset is not the one that is said there
VOICE, NO_VOICE = 0.5, 0.35


def whole_sound(file: Path) -> list[MonoPiece]:
    """All of a file's sound."""
    track, _ = find_track(file)
    if track is None:
        raise MediaError(f"{file} has no sound")
    return list(mono_sound(file, track, 0, 24 * 3600.0))


def joined(pieces: Iterable[MonoPiece]) -> Samples:
    """Sound as one array from time 0, silent where there is none."""
    pieces = list(pieces)
    whole = np.zeros(max(piece.end for piece in pieces), np.float32)
    for piece in pieces:
        skipped = max(0, -piece.start)
        whole[piece.start + skipped : piece.end] = piece.samples[skipped:]
    return whole


def plain(text: str) -> list[str]:
    """The words of a text in small letters, without punctuation."""
    return re.findall(r"[a-z0-9']+", text.lower())


def word_error_rate(wanted: Sequence[str], found: Sequence[str]) -> float:
    """Words put in, left out or replaced, as a share of the words that are wanted."""
    row = np.arange(len(found) + 1)
    for number, word in enumerate(wanted, 1):
        other = np.concatenate([[number], row[:-1] + [word != f for f in found]])
        other[1:] = np.minimum(other[1:], row[1:] + 1)
        steps = np.arange(len(found) + 1)
        row = np.minimum.accumulate(other - steps) + steps
    return float(row[-1]) / len(wanted)


def transcript(lines: Path, scenes: Path | None) -> list[str]:
    """The words of a published transcript, of the scenes that the film holds."""
    rows = [json.loads(line) for line in lines.read_text("utf-8").splitlines()]
    held = [json.loads(line) for line in scenes.read_text("utf-8").splitlines()] if scenes else rows
    ids = {row["clip_id"] for row in held}
    shown = sorted((r for r in rows if r["clip_id"] in ids), key=lambda r: str(r["clip_id"]))
    return plain(" ".join(row["full_text"] for row in shown))


def onsets(whole: Samples, open_ear: OpenEar) -> Iterator[float]:
    """The seconds at which a voice begins after a pause."""
    frames = whole[: len(whole) // FRAME * FRAME]
    n_quiet = MIN_PAUSE_FRAMES
    for number, probability in enumerate(open_ear().probabilities(frames)):
        if probability >= VOICE:
            if n_quiet >= MIN_PAUSE_FRAMES:
                yield number * FRAME_S
            n_quiet = 0
        else:
            n_quiet = n_quiet + 1 if probability < NO_VOICE or n_quiet else 0


def onset_errors(found: HeardSpeech, starts: Iterable[float]) -> list[float]:
    """For each onset of a voice the distance of the nearest word's start, if one is near."""
    words = np.array([word.start_s for word in found.words])
    nearest = (float(np.abs(words - start).min()) for start in starts)
    return [error for error in nearest if error <= NEAR_S]


def heard(
    pieces: Sequence[MonoPiece],
    model: Whisper,
    open_ear: OpenEar,
    find_events: EventFinder | None,
    gate: WordGate,
) -> HeardSpeech:
    """What the stage hears."""
    found = hear_speech(pieces, model, open_ear(), find_events, gate, None, 24 * 3600.0)
    if isinstance(found, MediaError):
        raise found
    return found


def report_speech(
    film: Path, lines: Path, scenes: Path | None, model: Whisper, open_ear: OpenEar
) -> None:
    """Print the error rate, the onsets and the speed on a film in which people speak."""
    pieces = whole_sound(film)
    began = time.process_time()
    found = heard(pieces, model, open_ear, open_event_finder(), WordGate())
    seconds = time.process_time() - began
    rate = word_error_rate(
        transcript(lines, scenes), plain("".join(word.word for word in found.words))
    )
    whole = joined(pieces)
    errors = onset_errors(found, onsets(whole, open_ear))
    print(f"{film.name}: {len(whole) / RATE_HZ:.0f} s of sound, {len(found.words)} words")
    print(f"  word error rate             {rate:.1%}")
    print(f"  median error of onsets      {np.median(errors):.2f} s, of {len(errors)}")
    print(f"  sentences dropped           {found.dropped_s:.1f} s, {found.n_dropped_words} words")
    print(f"  sound a second of processor {len(whole) / RATE_HZ / seconds:.1f}")


def report_music(film: Path, model: Whisper, open_ear: OpenEar) -> None:
    """Print how many words are invented on a film without speech."""
    pieces = whole_sound(film)
    whole = joined(pieces)
    length = PIECE_S * RATE_HZ
    parts = (whole[begin : begin + length] for begin in range(0, len(whole), length))
    find_events, gate = open_event_finder(), WordGate()
    n_raw = n_passed = 0
    for part in parts:
        events = find_events(part)
        for said in model.hear([part], None):
            assert not isinstance(said, MediaError)
            for segment in said.segments:
                is_invented = gate.doubts(segment) or gate.hears_music(segment, events)
                n_raw += len(segment.words)
                n_passed += 0 if is_invented else len(segment.words)
    found = heard(pieces, model, open_ear, find_events, gate)
    n_voiced = len(found.words) + found.n_dropped_words
    print(f"{film.name}: {len(whole) / RATE_HZ:.0f} s without speech")
    print(f"  words as the model writes   {n_raw}")
    print(f"  with the gate alone         {n_passed}")
    print(f"  with voice activity alone   {n_voiced}, in {found.speech_s:.1f} s taken for a voice")
    print(f"  with both                   {len(found.words)}")


def read_options(given: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the options, of the command line if none are given; films may stand on both sides."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("music", nargs="*", type=Path, help="films in which nothing is said")
    parser.add_argument("--spoken", type=Path, help="a film in which people speak")
    parser.add_argument("--transcript", type=Path, help="what they say, as JSON lines")
    parser.add_argument("--scenes", type=Path, help="JSON lines of the scenes that it holds")
    parser.add_argument("--model", default="", help="a model for faster-whisper")
    parser.add_argument("--precision", default="auto")
    return parser.parse_intermixed_args(given)


def main() -> None:
    """Print the tables."""
    arguments = read_options()
    model = open_whisper(arguments.model, "", arguments.precision, "")
    open_ear = open_silero()
    if arguments.spoken and arguments.transcript:
        report_speech(arguments.spoken, arguments.transcript, arguments.scenes, model, open_ear)
    for film in arguments.music:
        report_music(film, model, open_ear)


if __name__ == "__main__":
    main()
