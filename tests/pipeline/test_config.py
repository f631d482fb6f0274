from pathlib import Path

import pytest

from vidcurate.captioning.options import CaptionConfig
from vidcurate.errors import ConfigError
from vidcurate.pipeline.config import load_config, override
from vidcurate.stage import Stage
from vidcurate.stages import STAGES
from vidcurate.stages.selection.filter import FilterConfig
from vidcurate.stages.shots.split import SplitConfig

BY_NAME: dict[str, Stage] = {stage.name: stage for stage in STAGES}


def faults(tmp_path: Path, text: str | bytes) -> list[str]:
    """What is said of a config file, a line each, from its line number on."""
    file = tmp_path / "my.yaml"
    file.write_bytes(text.encode() if isinstance(text, str) else text)
    with pytest.raises(ConfigError) as caught:
        load_config(file, STAGES)
    return [line.removeprefix(f"{file}:") for line in str(caught.value).splitlines()]


def test_stages_come_in_the_order_of_the_data(tmp_path: Path) -> None:
    """A file's own order does not matter; a stage without options has its defaults."""
    file = tmp_path / "my.yaml"
    file.write_text("split: {min_clip_s: 3}\nprobe:\ningest: {}\n", "utf-8")
    configs = load_config(file, STAGES)
    assert list(configs) == ["ingest", "probe", "split"]
    assert configs["split"] == SplitConfig(min_clip_s=3.0)
    assert configs["probe"] == BY_NAME["probe"].config()


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("ingest: {}\nsplitt: {}\n", "2: splitt: unknown stage: did you mean 'split'?"),
        (
            "split:\n  trim_s: 1\n  min_clips: 2\n",
            "3: split.min_clips: unknown option: did you mean 'min_clip_s'?",
        ),
        (
            "keyframes:\n  count: many\n",
            "2: keyframes.count: input should be a valid integer, unable to parse string as an",
        ),
        (
            "keyframes:\n  count: 0\n",
            "2: keyframes.count: input should be greater than or equal to 1, not 0",
        ),
        (
            "export:\n  media: all\n",
            "2: export.media: input should be 'none', 'copy' or 'encode', not 'all'",
        ),
        ("scan:\n  metrics:\n    - hash\n    - hsv\n", "4: scan.metrics.1: input should be"),
        (
            "filter:\n  rules: quality.sharpness > 1\n",
            "2: filter.rules: input should be a valid tuple, not 'quality.sharpness > 1'",
        ),
        (
            "split:\n  min_clip_s: 9\n  max_clip_s: 5\n",
            "1: split: min_clip_s 9.0 is above max_clip_s 5.0",
        ),
        ("caption:\n  backend: openai\n", "1: caption: backend openai needs a model"),
        ("split: 5\n", "1: split: must be a mapping of options to values"),
        ("split: [trim_s]\n", "1: split: must be a mapping of options to values"),
        ("split:\n  trim_s: 1\n\n  trim_s: 2\n", "4: split.trim_s: is given twice"),
        ("split: {}\nprobe: {}\nsplit: {}\n", "3: split: is given twice"),
        ("- ingest\n- probe\n", "1: must be a mapping of stages to their options"),
        ("videos\n", "1: must be a mapping of stages to their options"),
        ("ingest: {}\nsplit: {trim_s: 1\nprobe: {}\n", "3: not valid YAML: "),
        ("ingest: {}\n\tsplit: {}\n", "2: not valid YAML: "),
        ("ingest: !!python/object:os.system {}\n", "1: not valid YAML: "),
        ("7: {}\n", "1: 7: unknown stage; known are ingest, probe"),
    ],
)
def test_one_fault(tmp_path: Path, text: str, fault: str) -> None:
    """Each fault is one line: file, line, path, what is wrong, and the near name."""
    [said] = faults(tmp_path, text)
    assert said.startswith(fault)


@pytest.mark.parametrize("text", ["", "\n\n", "# only words\n", "{}\n", "---\n"])
def test_an_empty_file_names_the_stages(tmp_path: Path, text: str) -> None:
    """A file that asks for nothing is a fault that says what could be asked for."""
    [said] = faults(tmp_path, text)
    assert said == f"1: the file names no stage; stages are {', '.join(BY_NAME)}"


def test_all_faults_at_once_in_the_order_of_the_file(tmp_path: Path) -> None:
    """Faults of stages, names, types, bounds, rules and form are all told in one go."""
    text = (
        "ingst: {}\n"
        "scan:\n"
        "  proxy_quality: 101\n"
        "  sample_interval_s: often\n"
        "split:\n"
        "  min_clip: 1\n"
        "  trim_s: -1\n"
        "  trim_s: 0\n"
        "filter:\n"
        "  rules:\n"
        "    - quality.sharpnes > 3\n"
        "    - quality.sharpness > 3\n"
        "    - quality.motion > 3 or qualities.noise < 1\n"
    )
    said = faults(tmp_path, text)
    assert [line.partition(": ")[0] for line in said] == [*"134689"[:5], "11", "13", "13"]
    assert [line.split(": ")[1] for line in said] == [
        *("ingst", "scan.proxy_quality", "scan.sample_interval_s"),
        *("split.min_clip", "split.trim_s", "filter.rules.0", "filter.rules.2", "filter.rules.2"),
    ]
    assert "did you mean 'quality.sharpness'?" in said[-3]


def test_a_rule_that_cannot_be_read_is_pointed_at(tmp_path: Path) -> None:
    """The line of the rule, what was expected, and below it the rule with the place marked."""
    said = faults(tmp_path, "filter:\n  rules:\n    - clips.n_frames > 1\n    - clips.n_frames >\n")
    assert said[0].startswith("4: filter.rules.1: cannot read the rule: expected a value")
    assert said[1].strip() == "clips.n_frames >"
    assert said[2].strip() == "^"


def test_a_file_that_is_no_text(tmp_path: Path) -> None:
    """A file in another encoding, one that is missing and a folder are named with the reason."""
    [said] = faults(tmp_path, "# Überblick\ningest: {}\n".encode("latin-1"))
    assert said == f"cannot read the config file {tmp_path / 'my.yaml'}: it is not UTF-8 text"
    with pytest.raises(ConfigError, match=r"none\.yaml: No such file or directory"):
        load_config(tmp_path / "none.yaml", STAGES)
    with pytest.raises(ConfigError, match="Is a directory"):
        load_config(tmp_path, STAGES)


def test_a_byte_order_mark_is_no_fault(tmp_path: Path) -> None:
    """A file as Windows editors save it reads like any other."""
    file = tmp_path / "my.yaml"
    file.write_text("probe: {}\r\n", "utf-8-sig")
    assert list(load_config(file, STAGES)) == ["probe"]


def test_the_command_line_goes_over_the_file() -> None:
    """An option given both ways has the command line's value; the file's others stay."""
    base = {"split": SplitConfig(min_clip_s=3, trim_s=0.5)}
    assert override(base, BY_NAME["split"], {"trim_s": 0.0}) == SplitConfig(min_clip_s=3, trim_s=0)
    assert override({}, BY_NAME["filter"], {"rules": ("clips.n_frames > 3",)}) == FilterConfig(
        rules=("clips.n_frames > 3",)
    )


def test_what_does_not_fit_on_the_command_line_is_named() -> None:
    """All faults of the options are told, each with its path; so is one between two options."""
    with pytest.raises(ConfigError) as caught:
        override({}, BY_NAME["keyframes"], {"count": 0, "quality": 500})
    assert [line.split(":")[0] for line in str(caught.value).splitlines()] == [
        "keyframes.count",
        "keyframes.quality",
    ]
    with pytest.raises(ConfigError, match=r"^split: min_clip_s 99\.0 is above max_clip_s 60\.0"):
        override({}, BY_NAME["split"], {"min_clip_s": 99})


def test_a_server_needs_a_model_however_it_is_given() -> None:
    """Backend from the command line and model from the file make one whole."""
    base = {"caption": CaptionConfig(model="eye")}
    made = override(base, BY_NAME["caption"], {"backend": "openai"})
    assert (made.backend, made.model) == ("openai", "eye")


def test_yes_is_no_number(tmp_path: Path) -> None:
    """YAML's yes is refused where a number is wanted; a switch takes it."""
    text = "ingest:\n  recursive: yes\nsplit:\n  min_clip_s: yes\n"
    assert faults(tmp_path, text) == ["4: split.min_clip_s: yes or no is no value for this option"]


def test_an_alias_that_holds_itself_is_a_fault(tmp_path: Path) -> None:
    """A file that never ends when it is followed is refused in a line."""
    text = "split: &x\n  min_clip_s: *x\n"
    assert faults(tmp_path, text) == ["1: an alias holds itself"]
