"""The options of captioning: who writes, in which way, and in which words."""

import shlex
from typing import Literal, get_args

from pydantic import ValidationError, model_validator

from vidcurate.models.chat.options import ModelConfig
from vidcurate.stage import option

FACTS = "facts"
MIN_TEACHERS = 2
StrategyName = Literal[
    "single", "differential", "structured", "script", "dense", "motion-detail", "teachers"
]
Style = Literal[
    "general", "text-to-video", "lora-character", "lora-style", "lora-motion", "video-llm"
]
Scorer = Literal["agreement", "alignment", "judge"]
CleaningRule = Literal[
    "refusal", "markup", "list", "opener", "repetition", "unfinished", "language"
]
CLEANING_RULES: tuple[CleaningRule, ...] = get_args(CleaningRule)


class CaptionConfig(ModelConfig):
    """Who writes the captions, and how they are asked."""

    backend: Literal["facts", "openai", "transformers", "vllm"] = option(
        "facts",
        "facts: from measurements, without a model; openai: any OpenAI-style server; "
        "transformers, vllm: a model that runs in this process",
    )
    strategy: StrategyName = option(
        "single",
        "single: all keyframes in one request; differential: the first keyframe, then what "
        "changes from each to the next; structured: a form filled in, as JSON; "
        "script: a scene of a script, with the words of a subtitle file beside the video; "
        "dense: events with their times; "
        "motion-detail: movement and appearance asked apart, then fused; "
        "teachers: the best of several texts",
    )
    prompt: str = option("", "A prompt by name, or a text file, instead of the strategy's own")
    style: Style = option("general", "Purpose that the captions are written for")
    trigger: str = option(
        "", "Word that every caption holds; lora styles call by it what is to be learned"
    )
    language: str = option("English", "Language of the captions", min_length=2)
    detail: Literal["brief", "detailed", "both"] = option(
        "detailed", "single: a sentence, a paragraph, or both in one answer"
    )
    carried_notes: int = option(
        1, "differential: earlier notes that are told with the next keyframe", ge=1, le=64
    )
    max_prompt_chars: int = option(
        12_000,
        "differential, script: most text of notes or subtitles in one request",
        unit="characters",
        flag="--prompt-chars",
        ge=500,
    )
    form: str = option("", "structured: a YAML file with a JSON schema, instead of the own form")
    teachers: tuple[str, ...] = option(
        (),
        "teachers: in what each differs from the other options, as 'model=NAME prompt=FILE'; "
        "repeat for more",
        flag="--teacher",
    )
    scorer: Scorer = option(
        "agreement",
        "teachers: agreement: most words in common with the others; alignment: nearest to the "
        "clip's vectors; judge: marks of the model",
    )
    clean: tuple[CleaningRule, ...] = option(
        CLEANING_RULES, "Faults that are looked for in a model's text; repeat for more"
    )

    @model_validator(mode="after")
    def model_is_named(self) -> "CaptionConfig":
        """No backend but facts has a model of its own."""
        if self.backend != FACTS and not self.model:
            raise ValueError(f"backend {self.backend} needs a model: name it by model")
        return self

    @model_validator(mode="after")
    def words_fit(self) -> "CaptionConfig":
        """A LoRA needs its word, and measurements are told in English."""
        if self.style.startswith("lora-") and not self.trigger:
            raise ValueError(f"style {self.style} needs a trigger: the word for what is learned")
        if self.backend == FACTS and self.language != "English":
            raise ValueError("backend facts writes English only: ask a model for other languages")
        return self

    @model_validator(mode="after")
    def teachers_can_be_asked(self) -> "CaptionConfig":
        """Each teacher's options are checked before anything runs."""
        if self.strategy == "teachers" and len(self.teachers) < MIN_TEACHERS:
            raise ValueError("strategy teachers needs two teachers or more: set teachers")
        for number, teacher in enumerate(self.teachers, 1):
            try:
                teacher_config(self, teacher)
            except ValueError as error:
                # Not the teacher itself: somebody may have written a key into it.
                raise ValueError(f"teacher {number}: {error}") from None
        return self


def teacher_config(config: CaptionConfig, teacher: str) -> CaptionConfig:
    """The options by which a teacher is asked.

    Raises ValueError for a teacher that is not written as name=value, and for what does not fit.
    """
    pairs = [word.partition("=") for word in shlex.split(teacher)]
    own = {name: value for name, _, value in pairs}
    known = {"backend", "prompt", *ModelConfig.model_fields}
    if not own or not known.issuperset(own) or not all(own.values()):
        raise ValueError(f"write it as name=value, with names of {', '.join(sorted(known))}")
    common = {name: value for name, value in config.model_dump().items() if name in known}
    try:
        asked = CaptionConfig.model_validate({**common, **own})
    except ValidationError as error:
        fault = error.errors()[0]
        raise ValueError("".join(f"{step}: " for step in fault["loc"]) + fault["msg"]) from None
    if asked.backend == FACTS:
        raise ValueError("backend facts answers no prompt: name another backend")
    return asked
