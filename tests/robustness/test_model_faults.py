import threading

import pytest

from tests.support.chat_bench import answers, texts
from tests.support.chat_server import Script, serving
from vidcurate.errors import MediaError


@pytest.mark.parametrize(
    "modes",
    [
        ("429/0.01",),
        ("429/Wed, 21 Oct 2015 07:28:00 GMT",),
        ("429/soon",),
        ("500", "500"),
        ("503", "closes"),
        ("hangs-up", "half-json"),
        ("no-body", "not-json"),
    ],
)
def test_what_passes_is_tried_again(script: Script, modes: tuple[str, ...]) -> None:
    """A full or failing server and a broken connection are tried again, and then answer."""
    assert texts(answers(script, *modes)) == ["clip 0"]
    assert len(script.bodies) == len(modes) + 1


@pytest.mark.parametrize(
    ("mode", "words"),
    [
        ("slow", "no whole answer within timeout_s = 0.2"),
        ("drips", "no whole answer within timeout_s = 0.2"),
        ("closes", "the connection broke off (RemoteProtocolError)"),
        ("hangs-up", "the connection broke off (RemoteProtocolError)"),
        ("half-json", "the answer is cut short"),
        ("not-json", "the answer is not JSON"),
        ("no-body", "the answer is empty"),
        ("500", "answered 500: status 500"),
    ],
)
def test_tries_run_out(script: Script, mode: str, words: str) -> None:
    """A fault that stays ends its clip, named and counted; the next clip has its caption."""
    first, second = answers(script, mode, mode, n_clips=2, max_retries=1, timeout_s=0.2)
    assert isinstance(first, MediaError)
    assert str(first).startswith(f"{script.url}: ")
    assert words in str(first)
    assert "(tried 2 times)" in str(first)
    assert texts([second]) == ["clip 1"]


@pytest.mark.parametrize(
    ("mode", "words"),
    [
        ("html", "a web page, not a chat completion: check base_url"),
        ("no-choices", "it has no choices"),
        ("other-schema", "not a chat completion: choices.0.message"),
        ("error-200", "the server answered with an error: model crashed"),
        ("endless", "longer than 8 MiB"),
        ("400", "answered 400: status 400"),
    ],
)
def test_what_does_not_pass_is_not_tried_again(script: Script, mode: str, words: str) -> None:
    """A wrong request or a wrong kind of answer fails its clip at once, and no other."""
    first, second = texts(answers(script, mode, n_clips=2))
    assert words in first
    assert second == "clip 1"
    assert len(script.bodies) == 2


@pytest.mark.parametrize(
    ("mode", "words"),
    [
        ("401", "answered 401: it refuses the key in $TEST_KEY"),
        ("403", "answered 403: it refuses the key in $TEST_KEY"),
        ("404", "check base_url (most end in /v1) and model 'eye'"),
        ("html-404", "answered 404: a web page: check base_url"),
        ("429/spent", "answered 429"),
        ("429/3600", "asks to wait 3600 s, more than max_wait_s = 300"),
    ],
)
def test_what_meets_all_clips_ends_them_all(script: Script, mode: str, words: str) -> None:
    """A refused key, address or model fails every clip for one reason, after one request a slot."""
    results = texts(answers(script, *[mode] * 2, n_clips=30, concurrency=2))
    assert len(results) == 30
    assert len(set(results)) == 1
    assert words in results[0]
    assert len(script.bodies) <= 2


def test_a_refusal_ends_a_wait(script: Script) -> None:
    """A thread that waits as the server asked gives up when another learns it is in vain."""
    script.together = threading.Barrier(2)
    results = texts(answers(script, "429/100", "401", n_clips=2, concurrency=2))
    assert len(script.bodies) == 2
    assert "401" in results[0]
    assert "401" in results[1]


def test_a_missing_key_is_an_error_with_a_remedy(
    script: Script, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where a server wants a key and there is none, the error names the variable to set."""
    monkeypatch.delenv("TEST_KEY")
    assert "set $TEST_KEY to a key" in texts(answers(script, "401"))[0]


def test_a_server_that_is_down(script: Script) -> None:
    """Without a server the first clip's tries run out and the others fail with its reason."""
    with serving(Script()) as gone:
        pass
    results = texts(answers(gone, n_clips=9, max_retries=1))
    assert len(set(results)) == 1
    assert f"{gone.url}: no connection (ConnectError): is it running? (tried 2 times)" in results[0]
    assert not script.bodies
