"""The options of captioning: who writes, in which way, and in which words."""

import shlex
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, ClassVar, Literal, Self, TypeVar, get_args

from pydantic import ValidationError, field_validator, model_validator

from vidcurate.models.chat.options import (
    BACKENDS_IN_WORDS,
    ModelEntry,
    OpenAiConfig,
    OptionalModelConfig,
    TransformersConfig,
    VllmConfig,
)
from vidcurate.options import (
    Choice,
    StageConfig,
    choice,
    option,
    option_faults,
    options_of,
    put_over,
)

OptionsT = TypeVar("OptionsT", bound=StageConfig)

MIN_TEACHERS = 2
CLASSIFIED_FIELDS = ("shot_type", "shot_angle", "shot_position")
Style = Literal[
    "general", "text-to-video", "lora-character", "lora-style", "lora-motion", "video-llm"
]
Scorer = Literal["agreement", "alignment", "judge"]
CleaningRule = Literal[
    "refusal", "markup", "list", "opener", "repetition", "unfinished", "language"
]
CLEANING_RULES: tuple[CleaningRule, ...] = get_args(CleaningRule)


class FactsConfig(Choice):
    """Captions from measurements, in English."""

    without: ClassVar[tuple[str, ...]] = ("strategy", "prompt", "language", "clean")

    name: Literal["facts"] = "facts"


class SpokenTextConfig(Choice):
    """Captions from the sentences that spoken made of what is said."""

    without: ClassVar[tuple[str, ...]] = (
        "strategy",
        "style",
        "trigger",
        "prompt",
        "language",
        "clean",
    )

    name: Literal["spoken"] = "spoken"


class Single(Choice):
    """All keyframes in one request."""

    name: Literal["single"] = "single"
    detail: Literal["brief", "detailed", "both"] = option(
        "detailed", "Ask for a sentence, for a paragraph, or for both in one answer"
    )


class LongPrompt(Choice):
    """A strategy whose requests hold text that grows."""

    max_prompt_chars: int = option(
        12_000,
        "Length limit of the notes or subtitles in one request",
        unit="characters",
        ge=500,
    )


class Differential(LongPrompt):
    """The first keyframe, then what changes from each to the next."""

    name: Literal["differential"] = "differential"
    carried_notes: int = option(
        1, "Number of earlier notes that go with the next keyframe", ge=1, le=64
    )


class Structured(Choice):
    """A form that the model fills in."""

    name: Literal["structured"] = "structured"
    form: str = option(
        "",
        "Name of a built-in form, clip, koala, skyreels or vdc, or a YAML file with a JSON schema; "
        "clip if empty",
    )


class Shots(Choice):
    """A form of a shot, of which experts decide fields; its fields joined into texts."""

    name: Literal["shots"] = "shots"
    fusion: Literal["t2v", "i2v", "both"] = option(
        "both",
        "The text: t2v: of all fields; i2v: of action, expression and camera alone; both: t2v as "
        "the text, i2v as the short text",
    )
    omit_probability: float = option(
        0.1,
        "Probability with which a text leaves out a subject's appearance, its position, and the "
        "light; the clip decides",
        ge=0,
        le=1,
    )
    experts: tuple[str, ...] = option(
        (),
        "An image classifier that decides shot_type, shot_angle or shot_position in place of the "
        "model, as 'shot_type=OWNER/NAME' or with a folder; repeat it for each field",
        flag="--expert",
    )

    @field_validator("experts", mode="before")
    @classmethod
    def join_fields(cls, experts: Any) -> Any:
        """Take experts that YAML gives as a mapping for the same words."""
        if not isinstance(experts, Mapping):
            return experts
        return tuple(f"{field}={model}" for field, model in experts.items())

    @field_validator("experts")
    @classmethod
    def check_experts(cls, experts: tuple[str, ...]) -> tuple[str, ...]:
        """Refuse experts of unknown fields and several of one; raises ValueError."""
        pairs = list(expert_pairs(experts))
        for field, model in pairs:
            if field not in CLASSIFIED_FIELDS or not model:
                raise ValueError(
                    f"write an expert as field=CLASSIFIER, with a field of "
                    f"{', '.join(CLASSIFIED_FIELDS)}, not {field!r}"
                )
        if len(dict(pairs)) < len(pairs):
            raise ValueError("a field has one expert: name it once")
        return experts


class Script(LongPrompt):
    """A scene of a script, with the words that are said in it."""

    name: Literal["script"] = "script"


class Dense(Choice):
    """Events with their times."""

    name: Literal["dense"] = "dense"


class MotionDetail(Choice):
    """Movement and appearance asked apart."""

    name: Literal["motion-detail"] = "motion-detail"


class AboutSound(Choice):
    """A strategy that says what is heard."""

    max_heard_s: float = option(
        120.0,
        "Most of a clip's sound that a model that hears is given, from the clip's start",
        unit="seconds",
        gt=0,
        le=3600,
    )


class Audible(AboutSound):
    """A summary, what is seen, and what is heard, in one answer."""

    name: Literal["audible"] = "audible"


class AudioVisual(AboutSound, LongPrompt):
    """Picture, single keyframes, sound and words, merged into one text."""

    name: Literal["audio-visual"] = "audio-visual"


class Teachers(Choice):
    """Several texts, of which the best stays."""

    name: Literal["teachers"] = "teachers"
    teachers: tuple[str, ...] = option(
        (),
        "A teacher: in what it differs from the other options, as 'model=NAME prompt=FILE'; "
        "repeat it for each teacher",
        flag="--teacher",
    )
    scorer: Scorer = option(
        "agreement",
        "Which text is best: agreement: the one with most words in common with the others; "
        "alignment: the nearest to the clip's vector; judge: the one with the model's highest mark",
    )

    @field_validator("teachers", mode="before")
    @classmethod
    def join_pairs(cls, teachers: Any) -> Any:
        """Take a teacher that YAML gives as a mapping for the same words."""
        if not isinstance(teachers, list | tuple):
            return teachers
        return tuple(written_teacher(t) if isinstance(t, Mapping) else t for t in teachers)


Strategy = (
    Single
    | Differential
    | Structured
    | Shots
    | Script
    | Dense
    | MotionDetail
    | Audible
    | AudioVisual
    | Teachers
)
StrategyName = Literal[
    "single",
    "differential",
    "structured",
    "shots",
    "script",
    "dense",
    "motion-detail",
    "audible",
    "audio-visual",
    "teachers",
]


class CaptionConfig(OptionalModelConfig):
    """Who writes the captions, and how."""

    leaves_out: ClassVar[tuple[str, ...]] = ()

    backend: FactsConfig | SpokenTextConfig | OpenAiConfig | TransformersConfig | VllmConfig = (
        choice(
            FactsConfig,
            "facts: from measurements, without a model; spoken: the sentences that spoken made of "
            f"what is said; {BACKENDS_IN_WORDS}",
        )
    )
    strategy: Strategy = choice(
        Single,
        "single: all keyframes in one request; differential: the first keyframe, then what "
        "changes from each to the next; structured: the model fills in a form, as JSON; shots: a "
        "form in which experts decide framing, expressions and camera, joined into a text; "
        "script: a scene of a script, with the words that are said; dense: events with their "
        "times; motion-detail: two requests for movement and appearance, and one that joins their "
        "answers; audible: a summary, the picture and the sound, as JSON; audio-visual: the "
        "picture, three keyframes one by one, what is known of the sound, and one request that "
        "joins them; teachers: the best of several texts",
    )
    style: Style = option("general", "Purpose of the captions")
    trigger: str = option(
        "", "Word that each caption contains; lora styles use it as the name of what is learned"
    )
    prompt: str = option(
        "", "Name of a built-in prompt, or a text file; the strategy's own prompt if empty"
    )
    language: str = option("English", "Language of the captions", min_length=2)
    clean: tuple[CleaningRule, ...] = option(
        CLEANING_RULES, "Kinds of faults that are repaired in a model's text; repeat for more"
    )

    @model_validator(mode="after")
    def require_trigger(self) -> Self:
        """Refuse a style for a LoRA without its word; raises ValueError."""
        if self.style.startswith("lora-") and not self.trigger:
            raise ValueError(f"style {self.style} needs a trigger: the word for what is learned")
        return self

    @model_validator(mode="after")
    def check_teachers(self) -> Self:
        """Check each teacher's options before anything runs; raises ValueError."""
        if not isinstance(self.strategy, Teachers) or self.chat is None:
            return self
        if len(self.strategy.teachers) < MIN_TEACHERS:
            raise ValueError("strategy teachers needs two teachers or more: set teachers")
        for number, teacher in enumerate(self.strategy.teachers, 1):
            try:
                teacher_of(self, teacher)
            except ValueError as error:
                # The message does not repeat the teacher: it may contain a key.
                raise ValueError(f"teacher {number}: {error}") from None
        return self


class Teacher(ModelEntry):
    """One of several models or prompts that write a text of the same clip."""

    prompt: str = option("", "Name of a built-in prompt, or a text file")


def expert_pairs(experts: Iterable[str]) -> Iterator[tuple[str, str]]:
    """The field and the classifier of each expert."""
    for expert in experts:
        field, _, model = expert.partition("=")
        yield field.strip(), model.strip()


def written_teacher(options: Mapping[str, Any]) -> str:
    """A teacher's options as one line."""
    return shlex.join(f"{name}={value}" for name, value in options.items())


def pairs_of(teacher: str) -> Iterator[tuple[str, str]]:
    """The names and values of a teacher's options."""
    for word in shlex.split(teacher):
        name, _, value = word.partition("=")
        yield name, value


def teacher_of(config: CaptionConfig, teacher: str) -> Teacher:
    """The options by which a teacher is asked: its own, put over those of the stage.

    Raises ValueError for a teacher that is not written as name=value, and for a wrong value.
    """
    return differing_options(Teacher, config, teacher)


def differing_options(kind: type[OptionsT], config: StageConfig, written: str) -> OptionsT:
    """The options of a model, written as name=value, put over those of the stage.

    Raises ValueError for what is not written as name=value, and for a wrong value.
    """
    own = dict(pairs_of(written))
    known = options_of(kind)
    if not own or not known.keys() >= own.keys() or not all(own.values()):
        raise ValueError(f"write it as name=value, with names of {', '.join(sorted(known))}")
    common = {name: value for name, value in config.model_dump().items() if name in known}
    try:
        return kind.model_validate(put_over(kind, common, own))
    except ValidationError as error:
        where, why = option_faults(kind, error)[0]
        raise ValueError("".join(f"{step}: " for step in where) + why) from None
