"""The options of captioning: who writes, in which way, and in which words."""

from typing import Literal

from pydantic import model_validator

from vidcurate.models.model_config import ModelConfig
from vidcurate.stage import option

FACTS = "facts"
StrategyName = Literal["single"]
Style = Literal["general"]


class CaptionConfig(ModelConfig):
    """Who writes the captions, and how they are asked."""

    backend: Literal["facts", "openai"] = option(
        "facts", "facts: from measurements, without a model; openai: any OpenAI-style server"
    )
    strategy: StrategyName = option("single", "single: all keyframes in one request")
    prompt: str = option("", "A prompt by name, or a text file, instead of the strategy's own")
    style: Style = option("general", "Purpose that the captions are written for")
    language: str = option("English", "Language of the captions", min_length=2)

    @model_validator(mode="after")
    def model_is_named(self) -> "CaptionConfig":
        """A server has many models."""
        if self.backend == "openai" and not self.model:
            raise ValueError("backend openai needs a model: name one that the server has")
        return self
