"""sidecar: a text file beside each clip, which nearly every trainer can read."""

from collections.abc import Sequence

from vidcurate.exporting.layouts.listing import CLIPS, clip_name
from vidcurate.exporting.target import Bundle, Target
from vidcurate.media.subtitles.writing import WRITERS

HOWTO = """# Clips with a text file each

`clips/X.mp4` is a clip and `clips/X.txt` its caption, one line of UTF-8. `clips/X.vtt` and
`clips/X.srt` are its subtitles, where they were asked for and something is said. Nothing else is
there.

```python
from pathlib import Path

clips = sorted(Path("clips").glob("*.mp4"))
captions = [clip.with_suffix(".txt").read_text("utf-8") for clip in clips]
```
"""


def write(bundle: Bundle) -> None:
    """Write `clips/X.mp4` with `clips/X.txt`."""
    for sample in bundle.samples():
        bundle.place(sample, clip_name(sample))
        bundle.text(f"{CLIPS}/{sample.stem}.txt", sample.caption)
    bundle.text("HOWTO.md", HOWTO)


def read(bundle: Bundle) -> Sequence[tuple[str, str]]:
    """Read clips with their text, by name; raises ValueError for one without the other."""
    files = sorted((bundle.root / CLIPS).glob("*"))
    clips = [file for file in files if file.suffix == ".mp4"]
    texts = {file.stem: file.read_bytes().decode() for file in files if file.suffix == ".txt"}
    subtitles = [file for file in files if file.suffix[1:] in WRITERS and file.stem in texts]
    if (
        len(files) != len(clips) + len(texts) + len(subtitles)
        or {c.stem for c in clips} != texts.keys()
    ):
        raise ValueError("clips/ must hold an .mp4 and a .txt for each clip, and nothing else")
    return [(clip.stem, texts[clip.stem]) for clip in clips]


TARGET = Target(
    name="sidecar",
    summary="X.mp4 with its caption in X.txt.",
    write=write,
    read=read,
    takes_subtitles=True,
)
