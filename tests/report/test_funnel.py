import pyarrow.compute as pc
import pytest

from vidcurate.analysis.status import funnel
from vidcurate.report.data import ReportOptions, read_report_data
from vidcurate.report.sections.funnel import funnel_steps
from vidcurate.store.dataset import Dataset


def test_numbers_equal_the_tables(finished: Dataset) -> None:
    """Clips and seconds of each step are those of the tables, and losses are what lies between."""
    data = read_report_data(finished, ReportOptions())
    steps = list(funnel_steps(data))
    left = {step.label: step for step in steps if step.kind == "left"}
    counts = {count.stage: count for count in funnel(finished)}
    assert left["Clips"].clips == counts["split"].rows == data.clips.num_rows
    assert left["Clips"].seconds == pytest.approx(pc.sum(data.clips["duration_s"]).as_py())
    assert left["Kept by the rules"].clips == counts["filter"].rows
    assert left["Captioned"].clips == counts["caption"].rows
    assert left["Exported"].clips == counts["export"].rows
    lost = {step.label: step.clips for step in steps if step.kind == "lost" and step.clips}
    assert lost == dict(counts["filter"].dropped)


def test_every_second_is_accounted_for(finished: Dataset) -> None:
    """What was lost and what was exported make up the films."""
    steps = list(funnel_steps(read_report_data(finished, ReportOptions())))
    gone = sum(step.seconds for step in steps if step.kind != "left")
    assert steps[0].seconds == pytest.approx(steps[-1].seconds + gone, abs=0.01)


def test_losses_before_clips_are_told(without_clips: Dataset) -> None:
    """A data set whose shots are all too short has no clip, and says where the time went."""
    steps = list(funnel_steps(read_report_data(without_clips, ReportOptions())))
    assert steps[-1].clips == 0
    assert [step.label for step in steps if step.kind == "lost"] == [
        "stretch under split.min_clip_s"
    ]


def test_files_alone_are_films_of_no_known_length(ingested: Dataset) -> None:
    """Before any video is read there is one step."""
    (films,) = funnel_steps(read_report_data(ingested, ReportOptions()))
    assert (films.seconds, films.clips) == (0, None)
    assert "without a known length" in films.detail
