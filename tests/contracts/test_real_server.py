import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support.chat_bench import OPTIONS
from tests.support.pipeline import process, rows
from tests.support.tiny_chat_models import save_smol
from tests.support.videos import render
from vidcurate.models.chat.conversation import Answer, ModelRequest
from vidcurate.models.chat.openai import open_chat
from vidcurate.models.notices import take_notices
from vidcurate.records import CAPTIONS

pytest.importorskip("uvicorn")

MAX_START_S = 120.0


@dataclass(frozen=True, slots=True)
class Served:
    """A server that somebody else wrote, and the model that it has."""

    url: str
    model: str


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """`transformers serve` on a free port, with a tiny SmolVLM."""
    folder = save_smol(tmp_path_factory.mktemp("smol"))
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    program = Path(sys.executable).with_name("transformers")
    command = [str(program), "serve", "--host", "127.0.0.1", "--port", str(port), "--device", "cpu"]
    quiet = {"HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1", "NO_PROXY": "127.0.0.1"}
    with (folder / "serve.log").open("wb") as log:
        server = subprocess.Popen(command, env={**os.environ, **quiet}, stdout=log, stderr=log)
    try:
        wait_for(f"http://127.0.0.1:{port}/health", server)
        yield Served(f"http://127.0.0.1:{port}/v1", str(folder))
    finally:
        server.terminate()
        server.wait()


def wait_for(address: str, server: subprocess.Popen[bytes]) -> None:
    """Wait until a server answers."""
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    deadline = time.monotonic() + MAX_START_S
    while time.monotonic() < deadline and server.poll() is None:
        try:
            direct.open(address, timeout=5).close()
        except OSError:
            time.sleep(0.2)
        else:
            return
    pytest.fail(f"the server did not answer at {address}")


@pytest.mark.parametrize("strategy", ["single", "differential"])
def test_a_real_server_writes_captions(
    tmp_path: Path, served: Served, strategy: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Clips are captioned by a server that is not ours, which counts its tokens."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    video = render(tmp_path / "video.mp4", audio=False)
    caption = {
        "backend": "openai",
        "base_url": served.url,
        "model": served.model,
        "max_tokens": 8,
        "strategy": strategy,
        "clean": (),
        "concurrency": 2,
    }
    keyframes = {"method": "uniform", "count": 2}
    options = {"split": {"min_clip_s": 1.0}, "keyframes": keyframes, "caption": caption}
    process(tmp_path / "out", options, video)
    found = rows(tmp_path / "out", CAPTIONS)
    assert len(found) == 3
    for caption_row in found:
        assert caption_row.model.startswith(served.model)
        assert caption_row.text
        assert caption_row.n_requests == {"single": 1, "differential": 3}[strategy]
        assert (caption_row.prompt_tokens or 0) > 0
        assert (caption_row.completion_tokens or 0) > 0


def test_a_real_server_is_asked_how_sure_it_is(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A server that tells no log-probabilities is found out, and asked in words for all choices."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    take_notices()
    options = {**OPTIONS, "base_url": served.url, "model": served.model, "max_tokens": 8}
    chat = open_chat({**options, "timeout_s": 60.0})
    answer = chat.ask(ModelRequest(("Is it red?",), choices=("yes", "no")))
    assert isinstance(answer, Answer)
    assert answer.score_from == "words"
    assert chat.agreed.value.choices == "words"
    [notice] = take_notices()
    assert "tells no log-probabilities" in notice
