import shutil
from pathlib import Path

import pytest

import vidcurate as vc
from tests.support.command import vidcurate
from vidcurate.cli.commands.report import report
from vidcurate.report import build
from vidcurate.store.dataset import Dataset


@pytest.fixture
def fast_charts(monkeypatch: pytest.MonkeyPatch) -> None:
    """The script of the charts takes seconds to make; no test here draws one."""
    monkeypatch.setattr(build, "bundled_charts", lambda: "/* charts */")


def test_the_command_writes_one_file(finished: Dataset, tmp_path: Path) -> None:
    """The whole page, with the script that draws its charts, is one file that is told."""
    ended = vidcurate("report", "-d", str(finished.root), "-o", tmp_path / "r.html", "--json")
    assert ended.code == 0, ended.err
    (told,) = ended.lines
    assert [path.name for path in tmp_path.iterdir()] == ["r.html"]
    page = (tmp_path / "r.html").read_text("utf-8")
    assert told["size_bytes"] == (tmp_path / "r.html").stat().st_size
    assert (told["clips"], told["clips_shown"], told["pictures_missing"]) == (3, 3, 0)
    assert "vegaEmbed" in page


@pytest.mark.usefixtures("fast_charts")
def test_links_lie_in_a_folder_beside_the_page(finished: Dataset, tmp_path: Path) -> None:
    """Linked pictures are JPEG files, those of an earlier page are gone, and others' files stay.

    The page is in the data set where no file is named.
    """
    dataset = vc.open(str(finished.root))
    folder = tmp_path / "look_media"
    folder.mkdir()
    for name in ("999999.jpg", "mine.jpg"):
        (folder / name).touch()
    written = dataset.report(tmp_path / "look.html", media="links")
    files = sorted({*folder.iterdir()} - {folder / "mine.jpg"})
    assert len(files) == written.pictures > 0
    assert all(file.read_bytes().startswith(b"\xff\xd8") for file in files)
    assert dataset.report(media="none").file == dataset.path / "report.html"


@pytest.mark.usefixtures("fast_charts")
def test_only_a_report_is_replaced(finished: Dataset, tmp_path: Path) -> None:
    """A report may be written again; another file, or a folder, stays as it is."""
    dataset = vc.open(str(finished.root))
    for _ in range(2):
        dataset.report(tmp_path / "r.html", media="none")
    other = tmp_path / "letter.html"
    other.write_text("<p>Dear Ada", "utf-8")
    with pytest.raises(vc.UsageError, match="no report of vidcurate"):
        dataset.report(other)
    with pytest.raises(vc.UsageError, match="is a folder"):
        dataset.report(tmp_path)
    assert other.read_text("utf-8") == "<p>Dear Ada"


def test_a_missing_package_is_named(
    finished: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without the extra the error says what to install."""
    monkeypatch.setattr(build, "find_spec", lambda _name: None)
    with pytest.raises(vc.UsageError, match=r"pip install 'vidcurate\[report\]'"):
        vc.open(str(finished.root)).report(tmp_path / "r.html")


@pytest.mark.usefixtures("fast_charts")
def test_gone_proxies_leave_gaps_that_are_counted(finished: Dataset, tmp_path: Path) -> None:
    """Where proxies are gone the page has no picture, and what is written says of how many."""
    copy = tmp_path / "copy"
    shutil.copytree(Path(str(finished.root)), copy)
    for file in copy.glob("scans/*/files/*"):
        file.unlink()
    written = vc.open(copy).report(tmp_path / "r.html")
    assert (written.pictures, written.pictures_missing) == (0, 3)


def test_columns_are_explained_without_a_data_set() -> None:
    """--columns tells of every table, and of a data set's own where one is named."""
    shown = vidcurate("report", "--columns")
    assert shown.code == 0, shown.err
    assert "sharpness" in shown.out
    assert "Formula" in shown.out


def test_a_report_needs_a_data_set() -> None:
    """Without -d the error says what to name."""
    with pytest.raises(vc.UsageError, match="-d is missing"):
        report()
