"""The section `models` of a config file: chat models by the names by which stages ask for them."""

from collections.abc import Mapping
from typing import Any

from vidcurate.captioning.options import pairs_of
from vidcurate.errors import suggest
from vidcurate.models.chat.options import ModelEntry, asks_chat_model
from vidcurate.options import StageConfig
from vidcurate.pipeline.yaml_file import ConfigFault, YamlPath, dotted, line_of, validated
from vidcurate.stage import Stage

MODELS = "models"


class UnusableModelError(Exception):
    """A stage names a model that it cannot use; without faults they are reported elsewhere."""

    def __init__(self, faults: list[ConfigFault]) -> None:
        super().__init__(faults)
        self.faults = faults


class NamedModels:
    """The section `models` of a config file: chat models by the names that stages use."""

    def __init__(self, lines: Mapping[YamlPath, int]) -> None:
        self.lines = lines
        self.models: dict[str, dict[str, Any]] = {}
        self.faulty: set[str] = set()

    def read(self, section: Any) -> list[ConfigFault]:
        """Take in the section, and return what is wrong with it."""
        if section is None:
            return []
        if not isinstance(section, dict):
            at = line_of(self.lines, (MODELS,))
            return [ConfigFault(at, MODELS, "must be a mapping of names to models")]
        faults: list[ConfigFault] = []
        for name, options in section.items():
            at_name = (MODELS, name)
            found: StageConfig | list[ConfigFault] = [
                ConfigFault(
                    line_of(self.lines, at_name), dotted(at_name), "must be a mapping of options"
                )
            ]
            if isinstance(options, dict):
                found = validated(ModelEntry, options, at_name, self.lines)
            if isinstance(found, StageConfig):
                given = found.model_dump(exclude_unset=True)
                self.models[str(name)] = {"backend": "openai", "model": "", **given}
            else:
                self.faulty.add(str(name))
                faults += found
        return faults

    def put_into(self, stage: Stage, options: Mapping[str, Any]) -> dict[str, Any]:
        """A stage's options with those of the models that it names, of which its own replace any.

        Raises UnusableModelError.
        """
        own = dict(options)
        named = own.get("model")
        if not named or not asks_chat_model(stage.config):
            return own
        if isinstance(named, dict):
            del own["model"]
            return {**named, **own}
        is_name = named in self.models or ("backend" not in own and (self.models or self.faulty))
        if not is_name and named not in self.faulty:
            return own
        found = self.model(named, (stage.name, "model"), own.get("backend"))
        if isinstance(own.get("teachers"), list):
            places = ((stage.name, "teachers", number) for number in range(len(own["teachers"])))
            own["teachers"] = [
                self.teacher(t, at) for t, at in zip(own["teachers"], places, strict=True)
            ]
        taken = {n: value for n, value in found.items() if n not in stage.config.leaves_out}
        return {**taken, **own, "model": found["model"]}

    def model(self, name: Any, at: YamlPath, backend: Any = None) -> dict[str, Any]:
        """The options of a model that is named somewhere."""
        if name in self.faulty:
            raise UnusableModelError([])
        if name not in self.models:
            message = f"no model of this name in {MODELS}{suggest(name, self.models)}"
            raise UnusableModelError([ConfigFault(line_of(self.lines, at), dotted(at), message)])
        found = self.models[name]
        if backend not in (None, found["backend"]):
            message = (
                f"{MODELS}.{name} has backend {found['backend']}, not {backend}: leave one out"
            )
            raise UnusableModelError([ConfigFault(line_of(self.lines, at), dotted(at), message)])
        return found

    def teacher(self, teacher: Any, at: YamlPath) -> Any:
        """A teacher with the options of the model that it names."""
        if isinstance(teacher, str):
            try:
                teacher = dict(pairs_of(teacher))
            except ValueError:  # an open quotation mark, which is told with the other faults
                return teacher
        if not isinstance(teacher, dict) or "model" not in teacher or "backend" in teacher:
            return teacher
        found = self.model(teacher["model"], at)
        return {**found, **teacher, "model": found["model"]}
