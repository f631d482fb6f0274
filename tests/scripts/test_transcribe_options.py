from pathlib import Path

from scripts.benchmarks.transcribe import read_options


def test_films_stand_on_both_sides_of_options() -> None:
    """The entry to benchmarks puts Big Buck Bunny first, and a user may name more after options."""
    found = read_options(["bunny.mp4", "--spoken", "talk.mp4", "music.mp4", "rain.mp4"])
    assert found.music == [Path("bunny.mp4"), Path("music.mp4"), Path("rain.mp4")]
    assert found.spoken == Path("talk.mp4")
