from pathlib import Path

import pytest

from vidcurate.captioning.options import CaptionConfig, Structured, Teachers, teacher_of
from vidcurate.errors import ConfigError
from vidcurate.models.chat.options import OpenAiConfig, VllmConfig
from vidcurate.pipeline.config import load_config, override
from vidcurate.stage import Stage, fingerprint
from vidcurate.stages.captions.judge import JudgeConfig
from vidcurate.stages.captions.refine import RefineConfig
from vidcurate.stages.captions.story import StoryConfig
from vidcurate.stages.captions.versions import version_stage
from vidcurate.stages.registry import STAGES
from vidcurate.stages.selection.filter import FilterConfig
from vidcurate.stages.shots.split_options import SplitConfig

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
            "2: keyframes.count: must be a whole number, not 'many'",
        ),
        (
            "keyframes:\n  count: 0\n",
            "2: keyframes.count: must be at least 1, not 0",
        ),
        (
            "export:\n  media: all\n",
            "2: export.media: must be 'none', 'copy', 'smart' or 'encode', not 'all'",
        ),
        ("scan:\n  metrics:\n    - hash\n    - hsv\n", "4: scan.metrics.1: must be 'content'"),
        (
            "filter:\n  rules: quality.sharpness > 1\n",
            "2: filter.rules: must be a list, not 'quality.sharpness > 1'",
        ),
        (
            "split:\n  min_clip_s: 9\n  max_clip_s: 5\n",
            "1: split: min_clip_s 9.0 is above max_clip_s 5.0",
        ),
        ("caption:\n  backend: openai\n", "1: caption: backend openai needs a model"),
        (
            "caption:\n  form: own.yaml\n",
            "2: caption.form: only strategy structured takes it",
        ),
        (
            "caption:\n  strategy: dense\n",
            "1: caption: only backend openai, transformers or vllm takes strategy",
        ),
        (
            "cuts:\n  detector: koala\n  hash_threshold: 0.3\n",
            "3: cuts.hash_threshold: only detector hash or both takes it",
        ),
        (
            "cuts:\n  detector: both\n  hash_threshold: 0.3\n",
            "2: cuts.detector: neither learned nor adaptive takes hash_threshold",
        ),
        ("keyframes:\n  method: null\n", "2: keyframes.method: must be 'uniform', "),
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
    with pytest.raises(ConfigError, match=r"none\.yaml: there is no such file"):
        load_config(tmp_path / "none.yaml", STAGES)
    with pytest.raises(ConfigError, match="it is a folder: name a YAML file"):
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


def test_backend_and_model_may_come_from_different_places() -> None:
    """Backend from the command line and model from the file make one whole."""
    base = {"caption": CaptionConfig(backend=OpenAiConfig(model="eye"))}
    made = override(base, BY_NAME["caption"], {"backend": "vllm", "style": "video-llm"})
    assert made == CaptionConfig(backend=VllmConfig(model="eye"), style="video-llm")


def test_options_of_a_way_that_is_not_chosen_any_more_go() -> None:
    """Another choice on the command line leaves out what only the file's choice takes."""
    written = CaptionConfig(
        backend=OpenAiConfig(model="eye", timeout_s=9), strategy=Structured(form="own.yaml")
    )
    base, stage = {"caption": written}, BY_NAME["caption"]
    made = override(base, stage, {"strategy": "single"})
    assert made == CaptionConfig(backend=OpenAiConfig(model="eye", timeout_s=9))
    assert override(base, stage, {"backend": "facts"}) == CaptionConfig()
    with pytest.raises(ConfigError, match=r"^caption\.form: only strategy structured takes it$"):
        override(base, stage, {"strategy": "single", "form": "other.yaml"})


def test_yes_is_no_number(tmp_path: Path) -> None:
    """YAML's yes is refused where a number is wanted; a switch takes it."""
    text = "ingest:\n  recursive: yes\nsplit:\n  min_clip_s: yes\n"
    assert faults(tmp_path, text) == ["4: split.min_clip_s: must be a number, not 'yes'"]


def test_an_alias_that_holds_itself_is_a_fault(tmp_path: Path) -> None:
    """A file that never ends when it is followed is refused in a line."""
    text = "split: &x\n  min_clip_s: *x\n"
    assert faults(tmp_path, text) == ["1: an alias holds itself"]


MODELS = """\
models:
  captioner: {model: eye, base_url: "http://h:1/v1", concurrency: 3}
  local:
    backend: vllm
    model: O/N
"""


def test_a_stage_names_a_model_of_the_models_section(tmp_path: Path) -> None:
    """Its options are the model's own and the stage's over them; the name itself is nowhere."""
    file = tmp_path / "my.yaml"
    file.write_text(
        f"{MODELS}caption: {{model: captioner, max_tokens: 99}}\njudge: {{model: local}}\n"
        "refine: {backend: openai, model: eye-2}\n"
        "story: {model: {backend: vllm, model: inline}, language: French}\n",
        "utf-8",
    )
    configs = load_config(file, STAGES)
    eye = OpenAiConfig(model="eye", base_url="http://h:1/v1", concurrency=3, max_tokens=99)
    assert configs["caption"] == CaptionConfig(backend=eye)
    assert configs["judge"] == JudgeConfig(backend=VllmConfig(model="O/N"))
    assert configs["refine"] == RefineConfig(backend=OpenAiConfig(model="eye-2"))
    assert configs["story"] == StoryConfig(backend=VllmConfig(model="inline"), language="French")


def test_versions_of_captions_state_in_what_they_differ(tmp_path: Path) -> None:
    """A version has the captions' options, its own over them, and those of the model it names."""
    file = tmp_path / "my.yaml"
    file.write_text(
        f"{MODELS}caption:\n  model: captioner\n  style: video-llm\n  versions:\n"
        "    chinese: {language: Chinese}\n    other: {model: local, style: general}\n"
        "    plain: {backend: facts}\njudge: {}\n",
        "utf-8",
    )
    configs = load_config(file, STAGES)
    names = ["caption", "caption_chinese", "caption_other", "caption_plain", "judge"]
    assert list(configs) == names
    eye = OpenAiConfig(model="eye", base_url="http://h:1/v1", concurrency=3)
    chinese = CaptionConfig(backend=eye, style="video-llm", language="Chinese")
    assert configs["caption_chinese"] == chinese
    assert configs["caption_other"] == CaptionConfig(backend=VllmConfig(model="O/N"))
    assert configs["caption_plain"] == CaptionConfig(style="video-llm")
    main = fingerprint(BY_NAME["caption"], chinese, {})
    assert fingerprint(version_stage("chinese"), chinese, {}) == main


@pytest.mark.parametrize(
    ("versions", "fault"),
    [
        ("3", "2: caption.versions: must be a mapping of names to options"),
        ("{a: 3}", "2: caption.versions.a: must be a mapping of names to options"),
        ("{a: {langage: x}}", "2: caption.versions.a.langage: unknown option: did you mean"),
        ("{a: {language: Chinese}}", "2: caption.versions.a: only backend openai,"),
        ("{a: {model: tiny}}", "2: caption.versions.a.model: only backend openai,"),
        ("{Zh: {}}", "2: caption.versions.Zh: a caption version is named by small letters and"),
    ],
)
def test_faults_of_versions_are_told_by_their_place(
    tmp_path: Path, versions: str, fault: str
) -> None:
    """A fault of a version names the version, its option and the line."""
    [said] = faults(tmp_path, f"caption:\n  versions: {versions}\n")
    assert said.startswith(fault)


def test_teachers_name_models_too(tmp_path: Path) -> None:
    """A teacher is a line or a mapping; address and limits of its model decide no caption."""
    file = tmp_path / "my.yaml"
    text = (
        f"{MODELS}caption:\n  model: captioner\n  strategy: teachers\n"
        "  teachers: [model=local, {model: captioner, prompt: motion}]\n"
    )
    file.write_text(text, "utf-8")
    config = load_config(file, STAGES)["caption"]
    assert isinstance(config, CaptionConfig)
    assert isinstance(config.strategy, Teachers)
    asked = [teacher_of(config, teacher) for teacher in config.strategy.teachers]
    assert [(t.backend.name, t.backend.model, t.prompt) for t in asked] == [
        *(("vllm", "O/N", ""), ("openai", "eye", "motion"))
    ]
    before = fingerprint(BY_NAME["caption"], config, {})
    file.write_text(text.replace("concurrency: 3", "timeout_s: 7").replace("h:1", "other:2"))
    assert fingerprint(BY_NAME["caption"], load_config(file, STAGES)["caption"], {}) == before
    file.write_text(text.replace("model: O/N", "model: O/M"))
    assert fingerprint(BY_NAME["caption"], load_config(file, STAGES)["caption"], {}) != before


@pytest.mark.parametrize(
    ("stage", "fault"),
    [
        (
            "caption: {model: captoner}",
            "6: caption.model: no model of this name in models: did you",
        ),
        ("judge: {model: eye}", "6: judge.model: no model of this name in models"),
        (
            "refine: {model: local, backend: openai}",
            "6: refine.model: models.local has backend vllm, not openai: leave one out",
        ),
        (
            "caption: {model: captioner, strategy: teachers, teachers: [model=local, model=x]}",
            "6: caption.teachers.1: no model of this name in models",
        ),
        ("caption: {model: captioner, dtype: auto}", "6: caption.dtype: only backend transformers"),
        ("models: 5", "6: models: is given twice"),
    ],
)
def test_a_model_that_cannot_be_used_is_one_fault(tmp_path: Path, stage: str, fault: str) -> None:
    """A wrong name, another backend, and options of another backend are told where they stand."""
    said = faults(tmp_path, f"{MODELS}{stage}\nprobe: {{}}\n")
    assert said[0].startswith(fault)


def test_only_what_asks_about_sound_takes_that_a_model_hears(tmp_path: Path) -> None:
    """A model that hears serves every stage; the option itself is refused where it does nothing."""
    file = tmp_path / "my.yaml"
    file.write_text(
        "models: {ear: {model: ear, hears: true}}\ncaption: {model: ear}\njudge: {model: ear}\n",
        "utf-8",
    )
    configs = load_config(file, STAGES)
    assert configs["caption"] == CaptionConfig(backend=OpenAiConfig(model="ear", hears=True))
    assert configs["judge"] == JudgeConfig(backend=OpenAiConfig(model="ear"))
    said = faults(tmp_path, "judge: {backend: openai, model: ear, hears: true}\nprobe: {}\n")
    assert said[0].startswith("1: judge.hears: unknown option")


def test_a_faulty_entry_is_told_once(tmp_path: Path) -> None:
    """What is wrong in the models section is told there, and not in each stage that uses it."""
    text = "models:\n  a: {timeout_s: often}\n  b: 5\ncaption: {model: a}\njudge: {model: b}\n"
    assert faults(tmp_path, text) == [
        "2: models.a.timeout_s: must be a number, not 'often'",
        "3: models.b: must be a mapping of options",
    ]
    assert faults(tmp_path, "models: [a]\nprobe: {}\n") == [
        "1: models: must be a mapping of names to models"
    ]
