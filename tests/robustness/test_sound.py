"""No clip is lost because of its sound, and none has sound that its video does not have there."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import av
import numpy as np
import pytest
from numpy.typing import NDArray

from tests.support.pipeline import done, process, rows, stored
from tests.support.speech_server import SpeechScript, transcribing
from tests.support.videos import ffmpeg
from tests.support.voices import spoken
from vidcurate.clips.words import read_words
from vidcurate.media.audio.clip_sound import clip_sounds
from vidcurate.media.audio.tracks import track_of
from vidcurate.media.io.probe import probe_video
from vidcurate.media.output.cut_file import CutFile, CutOptions
from vidcurate.media.output.cutting import cut_clip
from vidcurate.records import (
    CLIPS,
    EXPORTS,
    SOUNDS,
    SOURCES,
    SPEECH,
    TRANSCRIPTS,
    VERIFIED,
    VIDEOS,
    Clip,
    Video,
)

X264 = ("-c:v", "libx264", "-preset", "ultrafast", "-bf", "0", "-g", "24", "-pix_fmt", "yuv420p")
PICTURE = "testsrc2=size={size}:rate=24:duration={seconds}"
# A tone of a quarter of a second that begins half a second into its source.
BEEP = (
    "sine=frequency=1000:sample_rate={rate}:duration=2,volume=0:enable='not(between(t,0.5,0.75))'"
)
TONE = "sine=frequency=440:sample_rate=48000:duration=4"
FAST = CutOptions(preset="ultrafast", crf=28)
CHANGES = {
    "mono to stereo": (("-ac", "1"), ("-ac", "2")),
    "stereo to 5.1": (("-ac", "2"), ("-ac", "6")),
    "48 to 44.1 kHz": (("-ar", "48000"), ("-ar", "44100")),
    "all of it": (("-ac", "6", "-ar", "44100"), ("-ac", "1", "-ar", "48000")),
}


def video(path: Path, sound: str, *encode: str, size: str = "64x48", seconds: float = 4) -> Path:
    """A moving video with sound made by a filter graph."""
    picture = ("-f", "lavfi", "-i", PICTURE.format(size=size, seconds=seconds))
    ffmpeg(*picture, "-f", "lavfi", "-i", sound, *X264, *encode, str(path))
    return path


def joined(
    path: Path,
    ways: Sequence[Sequence[str]],
    sizes: tuple[str, str] = ("64x48", "64x48"),
    sound: str = BEEP.format(rate=48000),
) -> Path:
    """A broadcast of 4 s whose sound is of another form, or picture of another size, from 2 s on.

    It has a tone at 0.5 s and at 2.5 s, or twice another sound of 2 s.
    """
    for number, (way, size) in enumerate(zip(ways, sizes, strict=True)):
        part = path.with_name(f"part{number}.ts")
        offset = ("-output_ts_offset", str(2 * number), "-muxdelay", "0")
        video(part, sound, "-c:a", "ac3", *way, *offset, size=size, seconds=2)
    path.write_bytes(b"".join(path.with_name(f"part{n}.ts").read_bytes() for n in range(2)))
    return path


def whole(path: Path) -> tuple[Video, Clip]:
    """A video's row, and all of it as a clip."""
    video = probe_video(path, "v")
    pts = [pts for pts, _ in times_of(path)]
    base = video.time_base
    end = pts[-1] + pts[-1] - pts[-2]
    span = (float(pts[0] * base), float(end * base), float((end - pts[0]) * base))
    return video, Clip("c", "v", pts[0], end, base, *span, len(pts))


def times_of(path: Path) -> list[tuple[int, int]]:
    """The times of a video's frames in ticks, each with its number."""
    with av.open(str(path)) as container:
        return [(frame.pts or 0, n) for n, frame in enumerate(container.decode(video=0))]


def cut(path: Path, out: Path, options: CutOptions = FAST) -> CutFile:
    """All of a video as one clip file."""
    video, clip = whole(path)
    return cut_clip(path, video, clip, options, out)


def heard(file: Path) -> tuple[NDArray[np.float32], float]:
    """The samples of a clip, one channel, -1..1, and its samples a second."""
    resampler = av.AudioResampler("flt", "mono", 16000)
    with av.open(str(file)) as container:
        parts = [p for f in container.decode(audio=0) for p in resampler.resample(f)]
    return np.concatenate([p.to_ndarray()[0] for p in parts]).astype(np.float32), 16000.0


def loud_spans(file: Path) -> list[tuple[float, float]]:
    """When a clip's sound is louder than silence, in seconds, gaps under 0.1 s closed."""
    sound, rate = heard(file)
    loud = np.flatnonzero(np.abs(sound) > 0.01)
    spans = np.split(loud, np.flatnonzero(np.diff(loud) > 0.1 * rate) + 1)
    return [(span[0] / rate, span[-1] / rate) for span in spans if len(span)]


def seconds_of_sound(file: Path) -> float:
    """How long a clip's sound is when all of it is decoded."""
    sound, rate = heard(file)
    return len(sound) / rate


def check_beeps(file: Path) -> None:
    """A clip of 4 s has 4 s of sound, with its tones where they are in the video."""
    assert seconds_of_sound(file) == pytest.approx(4, abs=0.1)
    spans = loud_spans(file)
    assert [begin for begin, _ in spans] == pytest.approx([0.5, 2.5], abs=0.05)
    assert [end for _, end in spans] == pytest.approx([0.75, 2.75], abs=0.05)


@pytest.mark.parametrize("name", CHANGES)
def test_sound_that_changes_its_form_stays_in_time(name: str, tmp_path: Path) -> None:
    """Layout and rate may change in mid-clip: nothing begins again, and all channels are heard."""
    path = joined(tmp_path / "video.ts", CHANGES[name])
    assert cut(path, tmp_path / "clip.mp4").n_frames == 96
    check_beeps(tmp_path / "clip.mp4")


def test_pictures_that_change_size_leave_the_sound_alone(tmp_path: Path) -> None:
    """A clip over a change of size has all frames, of one size, and its sound in time."""
    path = joined(tmp_path / "video.ts", ((), ()), ("64x48", "128x96"))
    done = cut(path, tmp_path / "clip.mp4")
    assert (done.n_frames, done.width, done.height) == (96, 64, 48)
    check_beeps(tmp_path / "clip.mp4")
    silent = replace(FAST, audio=False)
    assert cut(path, tmp_path / "silent.mp4", silent).n_frames == 96


def channels(count: int, layout: str = "") -> str:
    """Sound of so many channels with a tone in each."""
    tones = "|".join(["0.1*sin(880*PI*t)"] * count)
    return f"aevalsrc={tones}:s=48000:d=4{layout}"


def unused(path: Path) -> Path:
    """A video whose four channels are described one by one, each as unused (QTFF `chan`)."""
    video(path, channels(4, ":c=quad"), "-c:a", "pcm_s16le")
    data = bytearray(path.read_bytes())
    at = data.index(b"chan") - 4
    size = int.from_bytes(data[at : at + 4], "big")
    described = bytes(12) + (4).to_bytes(4, "big") + bytes(20) * 4
    box = (8 + len(described)).to_bytes(4, "big") + b"chan" + described
    data[at : at + size] = box
    # The boxes around it grow; moov lies behind the sound, so that no sample moves.
    entry = data.rindex(b"stsd", 0, at) + 16
    for kind in (b"moov", b"trak", b"mdia", b"minf", b"stbl", b"stsd", bytes(data[entry:][:4])):
        place = data.rindex(kind, 0, at) - 4
        grown = int.from_bytes(data[place : place + 4], "big") + len(box) - size
        data[place : place + 4] = grown.to_bytes(4, "big")
    path.write_bytes(data)
    return path


def odd(name: str, folder: Path) -> Path:
    """A video whose channels have no places."""
    if name == "unused":
        return unused(folder / "unused.mov")
    if name == "ambisonic":
        opus = ("-c:a", "libopus", "-mapping_family", "2")
        return video(folder / "ambisonic.mkv", channels(4), *opus)
    return video(folder / "many.mkv", channels(int(name)), "-c:a", "pcm_s16le")


@pytest.mark.parametrize("name", ["9", "60", "unused", "ambisonic"])
def test_channels_without_places_are_mixed(name: str, tmp_path: Path) -> None:
    """The mix is as loud as each of equal channels, in the clip as in the measurements."""
    path = odd(name, tmp_path)
    video, clip = whole(path)
    cut_clip(path, video, clip, FAST, tmp_path / "clip.mp4")
    sound, _ = heard(tmp_path / "clip.mp4")
    assert seconds_of_sound(tmp_path / "clip.mp4") == pytest.approx(4, abs=0.1)
    assert np.sqrt(np.mean(np.square(sound))) == pytest.approx(0.1 / np.sqrt(2), rel=0.1)
    (measured,) = clip_sounds(path, track_of(video), [clip])
    assert measured is not None
    assert measured.loudness.true_peak_dbtp == pytest.approx(-20, abs=0.3)


def test_eight_channels_are_measured_as_they_are(tmp_path: Path) -> None:
    """7.1 is measured with all its channels: as loud as the same tone in one, and 9 dB more."""
    path = video(tmp_path / "video.mkv", channels(8, ":c=7.1"), "-c:a", "pcm_s16le")
    probed, clip = whole(path)
    (measured,) = clip_sounds(path, track_of(probed), [clip])
    assert measured is not None
    # Seven channels count, four of them by 1.5 dB more; the one for low tones does not.
    gain = 10 * np.log10(3 + 4 * 10**0.15)
    assert measured.loudness.integrated_lufs == pytest.approx(-23.7 + gain, abs=0.2)


def of_no_known_kind(path: Path) -> Path:
    """The same video with the codec of its first sound track named as one that nobody knows."""
    data = path.read_bytes()
    at = data.index(b"mp4a", data.index(b"moov"))
    end = data.index(b"stts", at)
    inside = data[at:end].replace(b"esds", b"dapa").replace(b"mp4a", b"apac")
    path.write_bytes(data[:at] + inside + data[end:])
    return path


def damaged(path: Path, begin_s: float, end_s: float) -> Path:
    """The same video with the bytes of its sound between two times turned over."""
    data = bytearray(path.read_bytes())
    with av.open(str(path)) as container:
        for packet in container.demux(container.streams.audio[0]):
            time_s = float((packet.pts or 0) * packet.time_base)
            if packet.pos is not None and packet.size and begin_s <= time_s < end_s:
                place = slice(packet.pos, packet.pos + packet.size)
                data[place] = bytes(byte ^ 0xA5 for byte in data[place])
    path.write_bytes(data)
    return path


def test_the_first_track_that_can_be_decoded_is_the_sound(tmp_path: Path) -> None:
    """A track of an unknown kind is passed over and named, and the next one is heard."""
    one = video(tmp_path / "one.mov", TONE, "-c:a", "aac")
    path = tmp_path / "two.mov"
    ffmpeg("-i", str(one), "-map", "0", "-map", "0:a", "-c", "copy", str(path))
    probed, clip = whole(of_no_known_kind(path))
    assert (probed.audio_index, probed.audio_codec, probed.audio_channels) == (2, "aac", 1)
    assert probed.faults == ("sound stream 1 (apac) cannot be decoded: there is no decoder",)
    assert cut_clip(path, probed, clip, FAST, tmp_path / "clip.mp4").has_audio
    assert loud_spans(tmp_path / "clip.mp4")[0] == pytest.approx((0, 4), abs=0.05)
    (measured,) = clip_sounds(path, track_of(probed), [clip])
    assert measured is not None
    assert measured.loudness.integrated_lufs is not None


def test_the_default_track_comes_first(tmp_path: Path) -> None:
    """Where a later track is the one to be played, it is the sound."""
    one = video(tmp_path / "one.mov", TONE, "-c:a", "aac")
    flags = ("-disposition:a:0", "0", "-disposition:a:1", "default")
    path = tmp_path / "two.mkv"
    ffmpeg("-i", str(one), "-map", "0", "-map", "0:a", "-c", "copy", *flags, str(path))
    assert probe_video(path, "v").audio_index == 2


def test_a_hole_in_the_sound_is_silence(tmp_path: Path) -> None:
    """Packets that cannot be decoded cost no clip, and what follows them stays in time."""
    path = damaged(video(tmp_path / "video.mp4", TONE, "-c:a", "aac"), 1, 2)
    cut(path, tmp_path / "clip.mp4")
    assert seconds_of_sound(tmp_path / "clip.mp4") == pytest.approx(4, abs=0.1)
    sound, rate = heard(tmp_path / "clip.mp4")
    level = [np.abs(sound[int(t * rate) :][: int(0.4 * rate)]).mean() for t in (0.3, 1.3, 2.3, 3.3)]
    assert [bool(value > 0.02) for value in level] == [True, False, True, True]


def test_sound_that_is_no_number_is_silence_in_the_clip(tmp_path: Path) -> None:
    """The encoder refuses NaN, for which no picture is lost."""
    path = video(tmp_path / "video.mkv", "aevalsrc=0/0:d=4", "-c:a", "pcm_f32le")
    assert cut(path, tmp_path / "clip.mp4").n_frames == 96
    assert loud_spans(tmp_path / "clip.mp4") == []


def test_sound_that_is_announced_and_never_comes_is_silence(tmp_path: Path) -> None:
    """A broadcast without a packet of the sound that it names gives silent clips."""
    path = video(tmp_path / "video.ts", TONE, "-c:a", "aac", "-muxdelay", "0")
    data = path.read_bytes()
    packets = [data[at : at + 188] for at in range(0, len(data), 188)]
    sound_id = 0x101
    kept = [p for p in packets if int.from_bytes(p[1:3], "big") & 0x1FFF != sound_id]
    path.write_bytes(b"".join(kept))
    probed, clip = whole(path)
    assert (probed.audio_channels, probed.audio_rate_hz) == (None, None)
    assert cut_clip(path, probed, clip, FAST, tmp_path / "clip.mp4").n_frames == 96
    assert seconds_of_sound(tmp_path / "clip.mp4") == pytest.approx(4, abs=0.1)
    (measured,) = clip_sounds(path, track_of(probed), [clip])
    assert measured is not None
    assert measured.loudness.integrated_lufs is None


@pytest.mark.parametrize("name", ["one", "unused"])
def test_copies_have_sound_that_mp4_cannot_hold(name: str, tmp_path: Path) -> None:
    """PCM beside a copied picture is encoded."""
    path = tmp_path / "one.mov"
    path = video(path, TONE, "-c:a", "pcm_s16le") if name == "one" else odd(name, tmp_path)
    done = cut(path, tmp_path / "clip.mp4", CutOptions(mode="copy"))
    assert (done.n_frames, done.has_audio) == (96, True)
    assert seconds_of_sound(tmp_path / "clip.mp4") == pytest.approx(4, abs=0.1)


def test_every_clip_is_exported_verified_and_measured(tmp_path: Path) -> None:
    """Sound of 8 kHz, of nine channels, of an unknown kind and with nothing to be decoded."""
    folder = tmp_path / "videos"
    folder.mkdir()
    video(folder / "low.mp4", "sine=frequency=440:sample_rate=8000:duration=4", "-c:a", "aac")
    video(folder / "nine.mkv", channels(9), "-c:a", "pcm_s16le")
    of_no_known_kind(video(folder / "unknown.mov", TONE, "-c:a", "aac"))
    damaged(video(folder / "rubbish.mp4", TONE, "-c:a", "aac", "-b:a", "64k"), 0, 9)
    options = {
        "cuts": {"detector": "fixed", "fixed_interval_s": 1.3},
        "split": {"min_clip_s": 1},
        "speech": {"backend": "none"},
        "export": {"preset": "ultrafast"},
    }
    root = tmp_path / "out"
    process(root, options, folder)
    assert {state for state, _ in done(root, VERIFIED).values()} == {"ok"}
    names = {v.video_id: v.container + str(v.audio_codec) for v in rows(root, VIDEOS)}
    reported = {v.video_id for v in rows(root, VIDEOS) if v.faults}
    silent = {row.video_id for row in rows(root, EXPORTS) if not row.has_audio}
    assert len(names) == 4
    assert reported == silent
    assert len(silent) == 2
    assert {row.video_id for row in rows(root, SPEECH) if not row.has_audio} == silent


@pytest.fixture(scope="module")
def voices(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Videos of 4 s with a voice in the middle, and something wrong with their sound."""
    folder = tmp_path_factory.mktemp("voices")
    raw = folder / "voice.f32"
    raw.write_bytes(spoken(4.0, [(0.2, 3.8)]).tobytes())
    wav, half = folder / "voice.wav", folder / "half.wav"
    ffmpeg("-f", "f32le", "-ar", "16000", "-ac", "1", "-i", str(raw), str(wav))
    ffmpeg("-i", str(wav), "-t", "2", str(half))
    videos = folder / "videos"
    videos.mkdir()
    joined(folder / "changing.ts", CHANGES["all of it"], sound=f"amovie={half}")
    (folder / "changing.ts").rename(videos / "changing.ts")
    late = ("-itsoffset", "2", "-i", str(wav), "-map", "0:v", "-map", "1:a", "-c:a", "flac")
    picture = ("-f", "lavfi", "-i", PICTURE.format(size="64x48", seconds=6))
    ffmpeg(*picture, *late, *X264, str(videos / "late.mkv"))
    video(videos / "short.mkv", f"amovie={half}", "-c:a", "flac")
    raw.write_bytes(np.repeat(spoken(4.0, [(0.2, 3.8)]), 9).tobytes())
    nine = ("-f", "f32le", "-ar", "16000", "-ac", "9", "-i", str(raw), "-c:a", "pcm_f32le")
    ffmpeg(*picture, *nine, "-t", "4", *X264, str(videos / "nine.mkv"))
    hole = video(videos / "hole.mp4", f"amovie={wav}", "-c:a", "aac", "-b:a", "64k")
    damaged(hole, 1.5, 2.2)
    return videos


def test_voices_are_heard_whatever_is_wrong_with_the_sound(
    voices: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Words and kinds of sound lie where the voice is, and nowhere else.

    Rate and layout change midway, sound is later than the picture or ends sooner, channels have no
    places, packets are damaged. The made voice is taken for one some syllables late.
    """
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with transcribing(SpeechScript()) as script:
        server = {"backend": "server", "model": "ear", "base_url": script.url}
        options = {
            "transcribe": server,
            "cuts": {"detector": "fixed", "fixed_interval_s": 100.0},
            "split": {"min_clip_s": 1},
            "speech": {"backend": "none"},
            "sounds": {},
        }
        process(tmp_path, options, voices)
    names = {source.video_id: Path(source.path).stem for source in rows(tmp_path, SOURCES)}
    expected = {
        "changing": (0.2, 3.9),
        "late": (2.2, 5.8),
        "short": (0.2, 2.0),
        "nine": (0.2, 3.8),
        "hole": (0.2, 3.8),
    }
    starts = {clip.clip_id: clip.start_s for clip in rows(tmp_path, CLIPS)}
    for row in rows(tmp_path, SOUNDS):
        begin_s, end_s = expected[names[row.video_id]]
        spans = [span for span in row.spans if span.label == "speech"]
        assert spans[0].start_s == pytest.approx(begin_s + 0.3, abs=0.5), names[row.video_id]
        assert spans[-1].end_s == pytest.approx(end_s, abs=0.6), names[row.video_id]
    for said in rows(tmp_path, TRANSCRIPTS):
        begin_s, end_s = expected[names[said.video_id]]
        words = read_words(stored(tmp_path, TRANSCRIPTS).files / said.words_file).to_pylist()
        start_s = starts[next(c for c in starts if c.startswith(said.video_id))]
        assert words[0]["start_s"] - start_s == pytest.approx(begin_s, abs=0.5), said
        assert words[-1]["end_s"] - start_s <= end_s + 0.6, said
    assert {names[row.video_id] for row in rows(tmp_path, SOUNDS)} == {*expected}
    assert {names[row.video_id] for row in rows(tmp_path, TRANSCRIPTS)} == {*expected}
    speech = {names[row.video_id]: row for row in rows(tmp_path, SPEECH)}
    assert all(speech[name].words_per_s for name in expected)
    assert all(speech[name].has_audio for name in expected)
