import re

from tests.support.reviews import Page


def test_the_page_and_its_files_are_served(reader: Page) -> None:
    """The page has no script or style in itself, and every file that it names is there."""
    found = reader.client.get("/?verdict=none&sort=quality.sharpness")
    assert found.status_code == 200
    assert found.headers["content-type"].startswith("text/html")
    assert str(reader.served.review.dataset.root) in found.text
    assert not re.search(r"<script(?![^>]*\ssrc=)|<style|\sstyle=|\son\w+=", found.text)
    files = re.findall(r'(?:src|href)="(/static/[^"]+)"', found.text)
    assert {file.rpartition(".")[2] for file in files} == {"css", "js"}
    modules = set(files)
    while new := {name for file in modules for name in imported(reader, file)} - modules:
        modules |= new
    for file in modules:
        kind = "text/javascript" if file.endswith(".js") else "text/css"
        answer = reader.client.get(file)
        assert (answer.status_code, file) == (200, file)
        assert answer.headers["content-type"].startswith(kind)


def imported(page: Page, file: str) -> list[str]:
    """The modules that a script of the page imports."""
    text = page.client.get(file).text if file.endswith(".js") else ""
    return [f"/static/{name}" for name in re.findall(r'from "\./([^"]+)"', text)]
