import json
import shutil
import signal
import socket
import subprocess
from collections.abc import Iterator
from contextlib import closing, contextmanager
from email.message import Message
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pyarrow.parquet as pq
import pytest

from tests.support.command import COMMAND, ENVIRONMENT, vidcurate
from tests.support.videos import render

CONFIG = """\
split: {min_clip_s: 1}
quality: {}
filter:
  rules: [quality.sharpness >= 0]
caption: {backend: facts}
export: {media: none}
"""


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a data set of three clips, made by a config that lies beside it."""
    folder = tmp_path_factory.mktemp("review")
    render(folder / "films" / "a.mp4")
    (folder / "my.yaml").write_text(CONFIG, "utf-8")
    vidcurate("run", folder / "films", "-d", folder / "data", "-c", folder / "my.yaml")
    return folder


class Browser:
    """A program that does what the page does, over a real connection."""

    def __init__(self, address: str) -> None:
        self.address, self.cookie = urlsplit(address), ""
        headers, _ = self.ask("GET", f"/?{self.address.query}")
        self.cookie = str(headers["set-cookie"]).partition(";")[0]

    def ask(self, method: str, path: str, body: str | None = None) -> tuple[Message, str]:
        """The headers and the body of an answer."""
        headers = {"Cookie": self.cookie, "Content-Type": "application/json"}
        headers["Origin"] = f"http://{self.address.netloc}"
        with closing(HTTPConnection(self.address.netloc, timeout=30)) as connection:
            connection.request(method, path, body, headers)
            answer = connection.getresponse()
            return answer.headers, answer.read().decode()

    def get(self, path: str) -> Any:
        """The JSON at an address."""
        return json.loads(self.ask("GET", path)[1])

    def decide(self, action: str, clip_id: str, **values: Any) -> Any:
        """The answer to a decision."""
        asked = {"reviewer": "Ada", "action": action, "clip_id": clip_id, **values}
        return json.loads(self.ask("POST", "/api/decide", json.dumps(asked))[1])


@contextmanager
def started(*arguments: str | Path, by: tuple[str, ...] = ()) -> Iterator[subprocess.Popen[str]]:
    """The command `review`, running; it is ended if it has not ended by itself."""
    with subprocess.Popen(
        [*by, *COMMAND, "review", *map(str, arguments), "--no-open"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=ENVIRONMENT,
        start_new_session=True,
    ) as running:
        try:
            yield running
        finally:
            if running.poll() is None:
                running.kill()


def interrupted(running: subprocess.Popen[str]) -> str:
    """What a review says on stderr when Ctrl-C has ended it well."""
    running.send_signal(signal.SIGINT)
    out, err = running.communicate(timeout=60)
    assert (running.returncode, out) == (0, "")
    assert "Traceback" not in err
    return err


def test_what_was_decided_is_honoured_by_later_runs(made: Path) -> None:
    """A clip is rejected, one corrected, one cut anew; after Ctrl-C filter and export follow."""
    data = made / "data"
    with started("-d", data, "--sample", "2") as running:
        assert running.stdout
        address = running.stdout.readline().strip()
        assert address.startswith("http://127.0.0.1:")
        browser = Browser(address)
        first, second, third = (c["clip_id"] for c in browser.get("/api/clips")["clips"])
        browser.decide("reject", first, reason="dull")
        browser.decide("caption", second, text="A fractal grows.")
        browser.decide("accept", second)
        moved = browser.decide("nudge", third, end_frames=-12)["clip"]["clip_id"]
        browser.decide("accept", moved)
        refused = vidcurate("review", "-d", data, "--no-open")
        assert (refused.code, "Traceback" in refused.err) == (2, False)
        assert f"process {running.pid}" in refused.err
        assert "what was decided is kept" in interrupted(running)

    estimate = vidcurate("review", "-d", data, "--estimate", "--json")
    assert estimate.lines[0]["n"] == 2
    with started("-d", data, "--sample", "2") as running:
        assert running.stdout
        assert estimate.lines[0]["sample"] in running.stdout.readline()
        running.terminate()
        assert running.wait(timeout=60) == 0
    done = vidcurate("export", "-d", data, "-c", made / "my.yaml", made / "films")
    assert done.code == 0, done.err
    exported = vidcurate("rows", "exports", "-d", data).lines
    assert {row["clip_id"] for row in exported} == {second, moved}
    [dropped] = vidcurate("rows", "filter", "-d", data, "--dropped").lines
    assert (dropped["clip_id"], dropped["reason"]) == (first, "review: dull")
    [file] = (data / "export" / "data").rglob("*.parquet")
    captions = {r["clip_id"]: r["caption"] for r in pq.read_table(file).to_pylist()}
    assert captions[second] == "A fractal grows."

    written = vidcurate("review", "-d", data, "--export", made / "decisions.csv")
    assert (written.code, written.err) == (
        0,
        f"5 decisions written to {made / 'decisions.csv'}\n",
    )
    assert (made / "decisions.csv").read_text("utf-8").count("Ada") == 5


def test_a_port_that_is_taken_is_named(made: Path) -> None:
    """The error names the port, and the option that chooses another."""
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        done = vidcurate("review", "-d", made / "data", "--no-open", "--port", str(port))
    assert done.code == 2
    assert f"port {port} of 127.0.0.1 is taken" in done.err
    assert "--port" in done.err


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (("--estimate",), "no sample was drawn"),
        (("--export", "x.xlsx"), ".csv or .jsonl"),
        (("-c", "text-to-video"), "vidcurate config --recipe text-to-video > my.yaml"),
        (("-c", "nothing.yaml"), "there is no such file"),
        (("--sample", "5", "--by", "colour"), "no score 'colour'"),
    ],
)
def test_what_cannot_be_done_is_told(
    made: Path, tmp_path: Path, arguments: tuple[str, ...], word: str
) -> None:
    """Each fault is one line with a remedy, and the exit code of a wrong use."""
    data = shutil.copytree(made / "data", tmp_path / "data")
    shutil.rmtree(data / "decisions", ignore_errors=True)
    done = vidcurate("review", "-d", data, "--no-open", *arguments)
    assert done.code == 2
    assert word in done.err
    assert "Traceback" not in done.err


def test_a_data_set_without_clips_is_told(tmp_path: Path) -> None:
    """The error names the command that makes clips, or the data set itself."""
    assert "holds no data set" in vidcurate("review", "-d", tmp_path, "--no-open").err
    render(tmp_path / "a.mp4", [("testsrc2", 0.5)])
    vidcurate("probe", tmp_path / "a.mp4", "-d", tmp_path / "data")
    done = vidcurate("review", "-d", tmp_path / "data", "--no-open")
    assert (done.code, "vidcurate split" in done.err) == (2, True)


def test_a_data_set_of_no_clips_is_served(tmp_path: Path) -> None:
    """Where films have only short shots the page is there, and says that there is no clip."""
    render(tmp_path / "a.mp4", [("testsrc2", 0.5)])
    vidcurate("split", tmp_path / "a.mp4", "-d", tmp_path / "data", "--min-clip-s", "2")
    with started("-d", tmp_path / "data", "--json") as running:
        assert running.stdout
        browser = Browser(json.loads(running.stdout.readline())["address"])
        assert browser.get("/api/session")["counts"]["clips"] == 0
        assert browser.get("/api/clips?sort=clips.duration_s")["clips"] == []
        assert browser.get("/api/histogram?score=clips.duration_s")["edges"] == []
        interrupted(running)


def test_an_interrupt_ends_a_review_that_a_shell_began_in_the_background(made: Path) -> None:
    """Shells have what they begin with & ignore SIGINT; it ends a review all the same."""
    background = ("sh", "-c", "trap '' INT; exec \"$@\"", "sh")
    with started("-d", made / "data", by=background) as running:
        assert running.stdout
        assert Browser(running.stdout.readline().strip()).get("/api/clips")["clips"]
        assert "what was decided is kept" in interrupted(running)
