"""What a model says is stored as it was said, and nothing else is."""

import json
from typing import Any

import pytest

from tests.support.chat_bench import OPTIONS
from tests.support.chat_server import Script, completion, serving
from tests.support.conversations import Model, reply
from vidcurate.captioning.text.json_answer import ask_json, plain_text
from vidcurate.captioning.text.trigger import with_word
from vidcurate.captioning.usage import Usage, count_usage
from vidcurate.errors import MediaError, ServerError
from vidcurate.models.chat.conversation import (
    Answer,
    Conversation,
    ModelRequest,
    answer_text,
    run_conversation,
)
from vidcurate.models.chat.openai import open_chat
from vidcurate.models.chat.output_text import finish_text, strip_output
from vidcurate.models.chat.responses import read_answer

SAID = "A red ball rolls across green grass"
THOUGHT = "The user wants a caption. Frame 1 shows a ball."


def read(value: Any) -> Any:
    """What a body with this JSON comes to."""
    body = value if isinstance(value, bytes) else json.dumps(value).encode()
    return read_answer(body, "eye", 512, 0.0)


@pytest.mark.parametrize(
    "written",
    [
        f"<think>\n{THOUGHT}\n</think>\n\n{SAID}",
        f"{THOUGHT}\n</think>\n\n{SAID}",
        f"<think>a<think>b</think>c</think>{SAID}",
        f"<thinking>{THOUGHT}</thinking> {SAID}",
        f"<reasoning>{THOUGHT}</reasoning>\n<answer>{SAID}</answer>",
        f"<|begin_of_thought|>{THOUGHT}<|end_of_thought|><|begin_of_solution|>{SAID}",
        f"\u25c1think\u25b7{THOUGHT}\u25c1/think\u25b7{SAID}",
        f"[THINK]{THOUGHT}[/THINK]{SAID}",
        f"<|channel|>analysis<|message|>{THOUGHT}<|end|><|channel|>final<|message|>{SAID}<|end|>",
        f"analysis{THOUGHT}assistantfinal{SAID}",
        f"<|channel>thought\n{THOUGHT}<channel|>{SAID}",
        f"{SAID}\n<think>{THOUGHT}",
    ],
)
def test_thoughts_are_not_said(written: str) -> None:
    """However a model marks its thoughts, the text is exactly what follows them."""
    spoken = strip_output(written)
    assert spoken.text == SAID
    assert "thoughts" in spoken.repairs


@pytest.mark.parametrize(
    "written",
    [
        SAID,
        "A test driver says ***, then <b> and {braces}.",
        "A sign reads <think> in red letters.",
        "Analysis of a shot: analysis paralysis.",
        '{"caption": "A sign reads </think> in red."}',
    ],
)
def test_what_is_said_stays(written: str) -> None:
    """A text that only speaks of such marks is not touched."""
    assert strip_output(written) == type(strip_output(""))(written)


@pytest.mark.parametrize("written", [f"<think>\n{THOUGHT}", f"\u25c1think\u25b7{THOUGHT}", ""])
def test_a_thought_without_end_names_the_option(written: str) -> None:
    """A model that runs out of tokens while it thinks said nothing, and the reason says why."""
    reported = finish_text(written, is_cut=True, max_tokens=512, thought=True)
    reason = "it was cut at max_tokens = 512 while the model was thinking: raise max_tokens"
    assert (reported.text, reported.status, reported.reason) == ("", "empty", reason)


@pytest.mark.parametrize(
    ("choice", "words"),
    [
        (completion(None, finish_reason="length"), "cut at max_tokens = 512 before it held any"),
        (
            completion(None, finish_reason="length", message={"reasoning_content": THOUGHT}),
            "while the model was thinking: raise max_tokens",
        ),
        (completion("", message={"reasoning": THOUGHT}), "the model thought and said nothing"),
        (completion(SAID, finish_reason="content_filter"), "the server's filter withheld it"),
        (completion(None, finish_reason="tool_calls"), "the model called a tool instead"),
        (completion(SAID, finish_reason="tool_calls"), "the model called a tool instead"),
    ],
)
def test_what_is_no_text_says_why(choice: dict[str, Any], words: str) -> None:
    """An answer without a text, or with one that does not count, is a reason and no caption."""
    with pytest.raises(MediaError, match=words):
        answer_text(read(choice))


@pytest.mark.parametrize("why", ["abort", "error"])
def test_a_server_that_breaks_off_is_asked_again(why: str) -> None:
    """A text that the server broke off is a fault that may pass, not a caption."""
    fault = read(completion(SAID, finish_reason=why))
    assert fault.passes
    assert not fault.of_clip
    assert why in fault.reason


@pytest.mark.parametrize(
    ("content", "repairs"),
    [
        ([{"type": "text", "text": None}, {"type": "text", "text": SAID}], ()),
        (
            [
                {"type": "thinking", "thinking": [{"type": "text", "text": THOUGHT}]},
                {"type": "text", "text": SAID},
            ],
            ("thoughts",),
        ),
        ([SAID], ()),
    ],
)
def test_parts_are_joined(content: list[Any], repairs: tuple[str, ...]) -> None:
    """Of content in parts only texts are said."""
    answer = read(completion(None, message={"content": content}))
    assert (answer.text, answer.status, answer.notes) == (SAID, "ok", repairs)


def test_a_stream_nobody_asked_for_is_read() -> None:
    """Server-sent events make one answer; a stream that breaks off is one that may pass."""
    words = [{"choices": [{"index": 0, "delta": {"content": f"{w} "}}]} for w in SAID.split()]
    lines = b"".join(b"data: " + json.dumps(word).encode() + b"\n\n" for word in words)
    assert read(lines + b"data: [DONE]\n\n").text == SAID
    assert read(lines).passes


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (json.dumps(completion("caf\u00e9"), ensure_ascii=False).encode("latin-1"), "not UTF-8"),
        (json.dumps(completion("a \ud83d b")).encode(), "half a character"),
    ],
)
def test_what_no_table_can_hold_is_a_reason(body: bytes, words: str) -> None:
    """Bytes of another encoding and half characters fail the row by name."""
    assert words in read(body).reason
    assert read(body).of_clip


@pytest.mark.parametrize(
    ("written", "text"),
    [
        (SAID, SAID),
        (json.dumps({"caption": SAID}), SAID),
        (f"```json\n{json.dumps({'caption': SAID})}\n```", SAID),
        (f"Here it is:\n```\n{json.dumps({'Description': SAID, 'n': 1})}\n```", SAID),
        (json.dumps([SAID]), SAID),
        (json.dumps({"shot": SAID}), SAID),
        (json.dumps({"a": SAID, "b": SAID}), None),
        ('{"caption": ""}', None),
        ("{a man} stands", "{a man} stands"),
    ],
)
def test_a_text_in_json_is_taken_out(written: str, text: str | None) -> None:
    """Where plain text was asked for, the text inside JSON is it, if it is plain which one."""
    assert plain_text(written) == text


def test_every_strategy_is_told_plain_texts() -> None:
    """A conversation meets the text without its JSON, but JSON where it asked for that."""

    def talk() -> Conversation[tuple[str, Any]]:
        answer = yield ModelRequest(("What?",))
        value = yield from ask_json(("What?",), {"type": "object"})
        return answer.text, value

    usage = Usage()
    model = Model([reply(json.dumps({"caption": SAID})), reply('{"caption": "x"}')])
    assert run_conversation(count_usage(talk(), usage), model.ask) == (SAID, {"caption": "x"})
    assert usage.notes == ("markup",)


@pytest.mark.parametrize(
    ("text", "trigger", "begun"),
    [
        ("A rabbit walks", "", "A rabbit walks"),
        ("A rabbit walks", "sks", "sks, A rabbit walks"),
        ("A sks rabbit", "sks", "A sks rabbit"),
    ],
)
def test_no_trigger_puts_nothing_before_a_text(text: str, trigger: str, begun: str) -> None:
    """Only a word that is set, and that the text lacks, is put before it."""
    assert with_word(text, trigger) == begun


@pytest.mark.parametrize(("key", "is_stored"), [("test", True), ("sk-0123456789abcdef0123", False)])
def test_a_key_changes_no_text(monkeypatch: pytest.MonkeyPatch, key: str, is_stored: bool) -> None:
    """The habit of a key "test" changes no word; an answer with a secret in it is not stored."""
    monkeypatch.setenv("TEST_KEY", key)
    with serving(Script(say=lambda _: f"A {key} driver, a {key}er.")) as script:
        outcome = open_chat({**OPTIONS, "base_url": script.url}).ask(ModelRequest(("What?",)))
        script.refuse = lambda _: (400, f"you sent {key}")
        refusal = open_chat({**OPTIONS, "base_url": script.url}).ask(ModelRequest(("What?",)))
    if is_stored:
        assert isinstance(outcome, Answer)
        assert outcome.text == "A test driver, a tester."
    else:
        assert "repeats the key in $TEST_KEY" in str(outcome)
        assert not isinstance(outcome, ServerError)
    assert key not in str(refusal).split("answered")[1]
