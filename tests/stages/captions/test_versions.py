import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
import yaml
from typer.testing import CliRunner

from tests.support.chat_server import Script, serving
from tests.support.pipeline import files_below, rows, state, stored
from tests.support.videos import render
from vidcurate import Event, Note, StageBegan, UsageError, VideoDataset, caption, export, run
from vidcurate.analysis.clip_details import clip_details
from vidcurate.analysis.columns import tables_described
from vidcurate.analysis.leftovers import stale_folders
from vidcurate.cli.app import app
from vidcurate.cli.render_clip import show_clip
from vidcurate.errors import ConfigError
from vidcurate.pipeline.config import mapping_config
from vidcurate.pipeline.session import forget_version
from vidcurate.records import CAPTIONS, QUALITY, version_table
from vidcurate.report.data import ReportOptions, read_report_data
from vidcurate.report.sections.captions import captions_section
from vidcurate.stages.registry import STAGES
from vidcurate.store.dataset import Dataset

CHINESE = version_table("chinese")
N_CLIPS = 3


@pytest.fixture(scope="module")
def server() -> Iterator[Script]:
    """A running chat server that names the model that it was asked for."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NO_PROXY", "127.0.0.1")
        with serving(Script(say=lambda body: f"A caption by {body['model']}.")) as script:
            yield script


@pytest.fixture(scope="module")
def captioned(tmp_path_factory: pytest.TempPathFactory, server: Script) -> Path:
    """A data set with captions by A, which took a request each."""
    folder = tmp_path_factory.mktemp("captioned")
    film = render(folder / "video.mp4", audio=False)
    run(film, config(server), folder / "out", engine="inline")
    return folder / "out"


@pytest.fixture
def out(tmp_path: Path, captioned: Path) -> Path:
    """The same data set for one test."""
    shutil.copytree(captioned, tmp_path / "out")
    return tmp_path / "out"


@pytest.fixture
def script(server: Script) -> Script:
    """The server, which forgets what it was asked before."""
    server.modes, server.bodies = [], []
    return server


def config(script: Script, **versions: Any) -> dict[str, dict[str, Any]]:
    """Captions by the model A, with versions."""
    model = {"backend": "openai", "model": "A", "base_url": script.url, "backoff_s": 0.001}
    return {
        "split": {"min_clip_s": 1.0},
        "keyframes": {"method": "uniform", "count": 1},
        "caption": {**model, "max_retries": 0, "versions": versions},
    }


def models_asked(script: Script) -> list[str]:
    """The models of the requests so far."""
    return [body["model"] for body in script.bodies]


def test_a_version_asks_for_its_own_texts_only(out: Path, script: Script) -> None:
    """Chinese captions take a request a clip; the English ones stay, byte by byte."""
    before = {file: state(file) for file in files_below(out / "captions")}
    run(config=config(script, chinese={"language": "Chinese"}), dataset=out, engine="inline")
    assert models_asked(script) == ["A"] * N_CLIPS
    assert {file: state(file) for file in before} == before
    assert {c.language for c in rows(out, CAPTIONS)} == {"English"}
    assert {c.language for c in rows(out, CHINESE)} == {"Chinese"}
    assert {c.clip_id for c in rows(out, CHINESE)} == {c.clip_id for c in rows(out, CAPTIONS)}


def test_a_version_is_told_new_words(
    out: Path, captioned: Path, script: Script, tmp_path: Path
) -> None:
    """New subtitles have the version written again whose prompt tells of them, and no other."""
    (tmp_path / "told.txt").write_text("{heard}", "utf-8")
    versions = config(script, told={"prompt": str(tmp_path / "told.txt")})
    run(config=versions, dataset=out, engine="inline")
    script.bodies = []
    subtitles = captioned.parent / "video.srt"
    subtitles.write_text("1\n00:00:00,200 --> 00:00:01,800\nFirst words.\n", "utf-8")
    try:
        run(config=versions, dataset=out, engine="inline")
    finally:
        subtitles.unlink()
    assert len(script.bodies) == N_CLIPS
    assert sum("First words." in str(body) for body in script.bodies) == 1


def test_a_second_version_leaves_the_first(out: Path, script: Script) -> None:
    """Added by name, versions stand side by side; a changed one alone is asked for again."""
    caption(out, version="chinese", language="Chinese", engine="inline")
    caption(out, version="b", model="B", engine="inline")
    assert models_asked(script) == ["A"] * N_CLIPS + ["B"] * N_CLIPS
    caption(out, version="b", max_tokens=64, engine="inline")
    assert models_asked(script)[2 * N_CLIPS :] == ["B"] * N_CLIPS
    tables = ("captions", "captions_chinese", "captions_b")
    assert tuple(t for t in VideoDataset(out).tables if t.startswith("caption")) == tables
    caption(out, engine="inline")
    assert len(models_asked(script)) == 3 * N_CLIPS


def test_a_version_that_becomes_the_caption_is_not_written_again(out: Path, script: Script) -> None:
    """Rows are known by what made them, not by the name: B's texts become the captions."""
    caption(out, version="b", model="B", engine="inline")
    caption(out, model="B", engine="inline")
    caption(out, version="a", model="A", engine="inline")
    assert models_asked(script) == ["B"] * N_CLIPS
    assert {c.text for c in rows(out, CAPTIONS)} == {"A caption by B."}
    assert {c.text for c in rows(out, version_table("a"))} == {"A caption by A."}
    assert not stale_folders(Dataset(out))


def test_an_unfinished_version_goes_on(out: Path, script: Script) -> None:
    """Where the server stopped answering, the next run asks for what is missing alone."""
    chinese = config(script, chinese={"language": "Chinese", "concurrency": 1})
    script.modes = ["ok", "503", "503"]
    run(config=chinese, dataset=out, engine="inline")
    assert len(rows(out, CHINESE)) == 1
    run(config=chinese, dataset=out, engine="inline")
    assert len(models_asked(script)) == N_CLIPS + 2
    assert len(rows(out, CHINESE)) == N_CLIPS


def test_a_version_that_a_config_no_longer_names_is_gone(out: Path, script: Script) -> None:
    """Nothing is asked, and nothing when it comes back; a config without captions says nothing."""
    caption(out, version="chinese", language="Chinese", engine="inline")
    run(config={"split": {"min_clip_s": 1.0}}, dataset=out, engine="inline")
    assert "captions_chinese" in VideoDataset(out).tables
    run(config=config(script), dataset=out, engine="inline")
    assert "captions_chinese" not in VideoDataset(out).tables
    assert [folder.n_only_here for folder in stale_folders(Dataset(out))] == [0]
    caption(out, version="chinese", language="Chinese", engine="inline")
    assert len(models_asked(script)) == N_CLIPS
    with pytest.raises(UsageError, match="no version chines: did you mean 'chinese'"):
        forget_version(Dataset(out), "chines", print)


def test_an_export_has_a_column_for_each_version(out: Path) -> None:
    """Texts stand beside the caption with what made them, and the card says what they are."""
    caption(out, version="chinese", language="Chinese", model="B", engine="inline")
    export(out, media="none", engine="inline")
    [shard] = (out / "export/data").glob("*.parquet")
    table = pq.read_table(shard)
    assert set(table["caption"].to_pylist()) == {"A caption by A."}
    assert set(table["captions_chinese"].to_pylist()) == {"A caption by B."}
    assert set(table["captions_chinese_language"].to_pylist()) == {"Chinese"}
    card = (out / "export/README.md").read_text("utf-8")
    assert "`captions_chinese`: string. The caption, of the version chinese" in card
    [settings] = re.findall("(?s)```yaml\n(.*?)```", card)
    options = mapping_config(yaml.safe_load(settings), STAGES)["caption_chinese"].model_dump()
    assert (options["language"], options["model"]) == ("Chinese", "B")


def test_an_export_brings_versions_up_to_date_unless_told_not_to(out: Path, script: Script) -> None:
    """A version is one of the texts of an export; left out, it is neither asked for nor there."""
    script.modes = ["ok", "503", "503"]
    caption(out, version="chinese", language="Chinese", concurrency=1, engine="inline")
    export(out, media="none", without=["caption_chinese"], engine="inline")
    assert len(models_asked(script)) == N_CLIPS
    [shard] = (out / "export/data").glob("*.parquet")
    assert "captions_chinese" not in pq.read_schema(shard).names
    export(out, media="none", engine="inline")
    assert len(models_asked(script)) == N_CLIPS + 2
    [shard] = (out / "export/data").glob("*.parquet")
    assert pq.read_table(shard)["captions_chinese"].null_count == 0


def test_an_export_says_first_what_it_will_ask(out: Path, script: Script) -> None:
    """Before any stage begins stand the requests of what runs unasked, and how to leave it out."""
    script.modes = ["ok", "503", "503"]
    caption(out, version="chinese", language="Chinese", concurrency=1, engine="inline")
    events: list[Event] = []
    export(out, media="none", engine="inline", on_progress=events.append)
    first = next(number for number, event in enumerate(events) if isinstance(event, StageBegan))
    said = [event.text for event in events if isinstance(event, Note)]
    why = "since export uses the captions_chinese that are there"
    line = f"caption_chinese: 2 requests to A at {script.url}, {why}; --without caption_chinese"
    assert [event.text for event in events[:first] if isinstance(event, Note)] == [
        f"{line} leaves it out"
    ]
    assert sum(text.startswith("caption_chinese:") for text in said) == 1


def test_requests_for_clips_that_are_still_to_come_are_said_to_come(out: Path) -> None:
    """Where clips will be others, what is known beforehand is a part, and said to be one."""
    caption(out, version="chinese", language="Chinese", engine="inline")
    config: dict[str, dict[str, Any]] = {
        "split": {"min_clip_s": 1.0, "max_clip_s": 1.5},
        "export": {"media": "none"},
    }
    events: list[Event] = []
    run(config=config, dataset=out, engine="inline", on_progress=events.append)
    said = [e.text for e in events if isinstance(e, Note) and e.text.startswith("caption_chinese")]
    assert said[0].startswith("caption_chinese: no request yet to A")
    assert said[0].endswith("; more may come of stages before it")
    n_new = len(rows(out, CHINESE)) - N_CLIPS
    assert n_new > 0
    assert said[1].startswith(f"caption_chinese: {n_new} requests to A")


def test_tables_without_requests_are_named_in_a_line(out: Path) -> None:
    """What else runs because it is there stands in one line, with how much there is to do."""
    run(config={"quality": {}, "motion": {}}, dataset=out, engine="inline")
    rows_of_quality = stored(out, QUALITY).folder
    shutil.rmtree(rows_of_quality)
    events: list[Event] = []
    export(out, media="none", engine="inline", on_progress=events.append)
    why = "since their tables are there"
    line = f"also brought up to date, {why}: quality (3); --without STAGE leaves one out"
    assert events[0] == Note(line)


def test_waves_ask_for_versions_once(out: Path, script: Script) -> None:
    """Taken through wave by wave, a version is written as it is without waves."""
    chinese = config(script, chinese={"language": "Chinese"})
    run(config=chinese, dataset=out, engine="inline", wave=1)
    assert models_asked(script) == ["A"] * N_CLIPS
    assert len(rows(out, CHINESE)) == N_CLIPS


def test_a_table_is_left_out_by_its_name_too(out: Path, script: Script) -> None:
    """--without takes the name of a stage, or that of its table."""
    script.modes = ["503", "503"]
    caption(out, version="chinese", language="Chinese", concurrency=1, engine="inline")
    export(out, media="none", without=["captions_chinese"], engine="inline")
    assert len(models_asked(script)) == N_CLIPS
    with pytest.raises(UsageError, match="unknown stage or table: did you mean 'captions'"):
        export(out, media="none", without=["captoins"], engine="inline")


def test_a_version_is_seen_in_status_rows_and_show(
    out: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """It is counted, read, filtered by rules and told of as any table is."""
    caption(out, version="chinese", language="Chinese", engine="inline")
    data = VideoDataset(out)
    count = next(count for count in data.status() if count.stage == "caption_chinese")
    assert (count.ok, count.pending, count.stale) == (N_CLIPS, 0, False)
    where = "captions_chinese.language == 'Chinese'"
    assert data.table("clips", where=where).num_rows == N_CLIPS
    assert data.table("caption_chinese").num_rows == N_CLIPS
    for name in ("caption_chinese", "captions_chinese"):
        assert [table.name for table in tables_described(name)] == ["captions_chinese"]
    clip = next(data.clips())
    assert list(clip.captions) == ["captions", "captions_chinese"]
    show_clip(clip_details(Dataset(out), clip.id))
    assert "version chinese, Chinese, by" in " ".join(capsys.readouterr().out.split())


def test_a_report_tells_versions_beside_the_caption(out: Path) -> None:
    """The section of captions says who wrote each version, and shows its texts with the others."""
    caption(out, version="other", model="B", engine="inline")
    data = read_report_data(Dataset(out), ReportOptions(media="none"))
    section = captions_section(data)
    written = [(model["version"], model["model"]) for model in section.context["models"]]
    assert written == [("", "eye-1"), ("other", "eye-1")]
    names = {v["name"] for item in section.data["captions"] for v in item["versions"]}
    assert names == {"other, English by eye-1"}


@pytest.mark.parametrize("name", ["Chinese", "zh-hans", "b_model", ""])
def test_a_name_that_no_column_can_have_is_refused(name: str) -> None:
    """A version's name is small letters and digits."""
    with pytest.raises(ConfigError, match=f"caption.versions.{name}: .*small letters and digits"):
        mapping_config({"caption": {"versions": {name: {}}}}, STAGES)


def test_rows_of_a_version_lie_with_the_captions(out: Path) -> None:
    """A table's folder holds the rows of all versions, each by its fingerprint."""
    caption(out, version="chinese", language="Chinese", engine="inline")
    assert stored(out, CHINESE).folder.parent == stored(out, CAPTIONS).folder.parent
    assert not (out / "captions_chinese").exists()


def test_the_command_adds_and_drops_a_version(out: Path, script: Script) -> None:
    """--version names one, its options are those of the command, and drop takes it out."""
    folder = ["-d", str(out)]
    add = ["caption", *folder, "--version", "b", "--model", "B", "--engine", "inline"]
    assert CliRunner().invoke(app, add).exit_code == 0
    assert models_asked(script) == ["B"] * N_CLIPS
    dropped = CliRunner().invoke(app, ["drop", *folder, "--version", "b"])
    assert dropped.exit_code == 0
    assert "captions have no version b any more" in dropped.stderr
    assert "captions_b" not in VideoDataset(out).tables
    assert len(rows(out, CAPTIONS)) == N_CLIPS
