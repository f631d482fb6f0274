import pyarrow as pa

from tests.support.decisions import decided, undone
from vidcurate.captioning.text.near_copies import minhash_bands
from vidcurate.records import CLIPS, DECISIONS
from vidcurate.stages.captions.outline import OutlineConfig, outline
from vidcurate.stages.captions.triage import TriageConfig, triage

IDS = ["v-0-10", "v-10-20", "v-20-30"]


def tables() -> dict[str, pa.Table]:
    """Three clips of a video with captions of which only the last was judged good."""
    clips = [
        {
            "clip_id": clip_id,
            "video_id": "v",
            "start_pts": 10 * n,
            "end_pts": 10 * n + 10,
            "time_base": {"num": 1, "den": 10},
            "start_s": float(n),
            "end_s": n + 1.0,
            "duration_s": 1.0,
            "n_frames": 10,
        }
        for n, clip_id in enumerate(IDS)
    ]
    captions = [
        {"clip_id": clip_id, "video_id": "v", "text": f"text {n}"} for n, clip_id in enumerate(IDS)
    ]
    bands = [minhash_bands(f"text {n} of its own") for n in range(3)]
    return {
        "partitions": pa.Table.from_pylist(clips, schema=CLIPS.schema),
        "captions": pa.Table.from_pylist(captions),
        "verdicts": pa.table(
            {"clip_id": IDS, "video_id": ["v"] * 3, "score": [0.0, 0.0, 1.0], "bands": bands}
        ),
    }


def test_a_caption_that_a_person_wrote_is_not_written_again() -> None:
    """Whatever its verdict, and where it has none; one that was taken back is weak as before."""
    taken_back = decided("caption", IDS[1], text="hers")
    log = [decided("caption", IDS[0], text="his"), taken_back, undone(taken_back.step)]
    given = {**tables(), "decisions": DECISIONS.to_arrow(log)}
    found = triage(given, TriageConfig())
    assert found.rows["clip_id"].to_pylist() == IDS[1:2]
    assert found.done["reason"].to_pylist() == [
        *("a person wrote the caption", None, "the caption is good enough"),
    ]
    unjudged = triage({**given, "verdicts": given["verdicts"].slice(1)}, TriageConfig())
    assert unjudged.done["status"].to_pylist() == ["dropped", "ok", "dropped"]
    assert triage(tables(), TriageConfig()).rows["clip_id"].to_pylist() == IDS[:2]


def test_a_video_s_story_is_told_from_what_people_wrote() -> None:
    """Also of a clip that no stage gave a caption; a refined text does not go before it."""
    log = [decided("caption", IDS[0], text="his"), decided("caption", IDS[2], text="hers")]
    given = tables()
    given["captions"] = given["captions"].slice(0, 2)
    given["refined"] = given["captions"]
    found = outline({**given, "decisions": DECISIONS.to_arrow(log)}, OutlineConfig())
    (row,) = found.rows.to_pylist()
    assert [clip["text"] for clip in row["scenes"][0]["clips"]] == ["his", "text 1", "hers"]
    assert found.done["status"].to_pylist() == ["ok"] * 3
