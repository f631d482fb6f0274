from pathlib import Path

import pyarrow as pa
import pytest

from tests.support.paths import CONFIGS
from vidcurate.pipeline.config import load_config
from vidcurate.rules import evaluate_rules, parse
from vidcurate.stages.registry import STAGES
from vidcurate.stages.selection.filter import FilterConfig, has_percentile, tables_in_rules
from vidcurate.stages.sources.embed import EmbedConfig

NAMED = {"text-to-video", "long-take", "lora-character", "video-llm", "talking-head"}
EXTRAS = {"text", "speech", "safety"}  # stages that need the extra of their name
RECIPES = sorted(CONFIGS.glob("*.yaml"))


def test_the_named_recipes_are_there() -> None:
    """Each purpose that the documentation names has its file."""
    assert {recipe.stem for recipe in RECIPES} >= NAMED


@pytest.mark.parametrize("recipe", RECIPES, ids=lambda recipe: recipe.stem)
def test_a_recipe_is_without_fault(recipe: Path) -> None:
    """Options and rules are known, and the recipe makes every score that its rules read."""
    configs = load_config(recipe, STAGES)
    rules = configs["filter"]
    assert isinstance(rules, FilterConfig)
    made = {stage.writes.name for stage in STAGES if stage.name in configs}
    assert {beside.table.name for beside in tables_in_rules(rules) if beside.required} <= made


@pytest.mark.parametrize("recipe", RECIPES, ids=lambda recipe: recipe.stem)
def test_a_recipe_names_what_it_needs(recipe: Path) -> None:
    """A recipe with a stage of an extra says how to install it, and none needs a hub's model."""
    configs = load_config(recipe, STAGES)
    reported = recipe.read_text("utf-8")
    assert all(f"vidcurate[{name}]" in reported for name in EXTRAS & configs.keys())
    assert configs.get("embed", EmbedConfig()) == EmbedConfig()
    assert not {"aesthetic", "tags"} & configs.keys()


@pytest.mark.parametrize("name", sorted(NAMED))
def test_a_named_recipe_keeps_one_of_copies(name: str) -> None:
    """No purpose is served by the same shot twice."""
    assert "dedup.keep" in rules_of(name)


@pytest.mark.parametrize("name", sorted(NAMED - {"video-llm"}))
def test_a_clip_too_still_to_show_a_mark_passes_without_text(name: str) -> None:
    """A clip whose mark cannot be told passes the rules on marks and overlays where no text stays.

    Without a score a rule that asked for the number alone would fail it.
    """
    marks = [parse(rule) for rule in rules_of(name) if "watermark" in rule or "overlay" in rule]
    rows = {
        "watermark.score": pa.array([None, 0.0, 1.0, None], pa.float64()),
        "text.overlay_area": pa.array([0.0, 0.0, 0.0, 0.001], pa.float64()),
        "text.area_mean": pa.array([0.0] * 4, pa.float64()),
    }
    verdicts = evaluate_rules(marks, pa.table(rows))
    assert verdicts.undecided.null_count == len(verdicts.undecided)
    assert [failed is None for failed in verdicts.first_failed.to_pylist()] == [
        *(True, True, False, False)
    ]


def test_dear_scores_wait_for_cheap_rules() -> None:
    """Where text is read, rules on cheaper scores spare it clips: they have no percentile."""
    for name in sorted(NAMED - {"video-llm"}):
        parsed = [parse(rule) for rule in rules_of(name)]
        cheap = [rule for rule in parsed if {"motion", "quality"} & {t for t, _ in rule.columns}]
        assert any(not has_percentile(rule.tree) for rule in cheap)


def rules_of(name: str) -> tuple[str, ...]:
    """The rules of a named recipe."""
    recipe = next(recipe for recipe in RECIPES if recipe.stem == name)
    rules = load_config(recipe, STAGES)["filter"]
    assert isinstance(rules, FilterConfig)
    return rules.rules
