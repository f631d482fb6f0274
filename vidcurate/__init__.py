"""Turn a folder of videos into a training-ready video-text data set.

    import vidcurate as vc

    result = vc.run("videos/", config="quickstart", dataset="out")
    ds = vc.open("out")
    frames = next(ds.clips()).frames(count=8)

Everything is imported when it is first used, so that `import vidcurate` costs nearly nothing.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from vidcurate.api.calls import RunResult
    from vidcurate.api.clip import DatasetClip, SearchHit
    from vidcurate.api.dataset import VideoDataset
    from vidcurate.api.dataset import open_dataset as open  # noqa: A004 - read as vidcurate.open
    from vidcurate.api.events import Event, Note, StageAdvanced, StageBegan, StageEnded
    from vidcurate.api.functions import (
        accept,
        aesthetic,
        alignment,
        bounds,
        caption,
        check_export,
        consistency,
        coverage,
        cuts,
        dedup,
        embed,
        estimate,
        evaluate,
        export,
        filter,  # noqa: A004 - read as vidcurate.filter
        ingest,
        judge,
        keyframes,
        keypoints,
        motion,
        outline,
        partition,
        perception,
        probe,
        quality,
        queries,
        references,
        refine,
        run,
        safety,
        scan,
        sentences,
        signatures,
        sounds,
        speech,
        split,
        spoken,
        story,
        suitability,
        tags,
        text,
        transcribe,
        triage,
        verify,
        watermark,
    )
    from vidcurate.errors import MediaError, UsageError, VidcurateError
    from vidcurate.exporting.forecast.checking import Contract
    from vidcurate.pipeline.recipes import Recipe, list_recipes

__all__ = [
    "Contract",
    "DatasetClip",
    "Event",
    "MediaError",
    "Note",
    "Recipe",
    "RunResult",
    "SearchHit",
    "StageAdvanced",
    "StageBegan",
    "StageEnded",
    "UsageError",
    "VidcurateError",
    "VideoDataset",
    "accept",
    "aesthetic",
    "alignment",
    "bounds",
    "caption",
    "check_export",
    "consistency",
    "coverage",
    "cuts",
    "dedup",
    "embed",
    "estimate",
    "evaluate",
    "export",
    "filter",
    "ingest",
    "judge",
    "keyframes",
    "keypoints",
    "list_recipes",
    "motion",
    "open",
    "outline",
    "partition",
    "perception",
    "probe",
    "quality",
    "queries",
    "references",
    "refine",
    "run",
    "safety",
    "scan",
    "sentences",
    "signatures",
    "sounds",
    "speech",
    "split",
    "spoken",
    "story",
    "suitability",
    "tags",
    "text",
    "transcribe",
    "triage",
    "verify",
    "watermark",
]

# Where names are defined, besides the functions that run something.
_MODULES = {
    "Contract": "vidcurate.exporting.forecast.checking",
    "DatasetClip": "vidcurate.api.clip",
    "Event": "vidcurate.api.events",
    "MediaError": "vidcurate.errors",
    "Note": "vidcurate.api.events",
    "Recipe": "vidcurate.pipeline.recipes",
    "RunResult": "vidcurate.api.calls",
    "SearchHit": "vidcurate.api.clip",
    "StageAdvanced": "vidcurate.api.events",
    "StageBegan": "vidcurate.api.events",
    "StageEnded": "vidcurate.api.events",
    "UsageError": "vidcurate.errors",
    "VidcurateError": "vidcurate.errors",
    "VideoDataset": "vidcurate.api.dataset",
    "list_recipes": "vidcurate.pipeline.recipes",
    "open": "vidcurate.api.dataset",
}
_REAL_NAMES = {"open": "open_dataset"}


def __getattr__(name: str) -> Any:
    """A public name, imported when it is first used."""
    if name not in __all__:
        raise AttributeError(f"module 'vidcurate' has no attribute '{name}'")
    module = import_module(_MODULES.get(name, "vidcurate.api.functions"))
    globals()[name] = getattr(module, _REAL_NAMES.get(name, name))
    return globals()[name]


def __dir__() -> list[str]:
    """The public names."""
    return sorted({*globals(), *__all__})
