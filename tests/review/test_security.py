import shutil
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from tests.support.reviews import Page
from vidcurate.analysis.view import require_dataset
from vidcurate.review.serve import serving

STRANGE = ("..%2f..%2fetc%2fpasswd", "%2e%2e%2fapp.py", "__init__.py", "x%00.js", "review.py")


@pytest.fixture
def stranger(reader: Page) -> TestClient:
    """A browser without the token."""
    return TestClient(reader.served.guard, base_url=reader.origin, follow_redirects=False)


@pytest.mark.parametrize(
    "address",
    ["/", "/?token=", "/?token=wrong", "/static/main.js", "/api/session", "/media/x", "/nothing"],
)
def test_without_the_token_nothing_is_served(stranger: TestClient, address: str) -> None:
    """Every address asks for the token, and says in plain words where it is found."""
    found = stranger.get(address)
    assert found.status_code == 403
    assert "vidcurate review" in found.text


def test_the_token_becomes_a_cookie(reader: Page, stranger: TestClient) -> None:
    """The first address sets a cookie that no script and no other site has, and drops the token."""
    token = reader.served.guard.token
    found = stranger.get(f"/?token={token}&sample=abc&verdict=none")
    assert (found.status_code, found.headers["location"]) == (303, "/?sample=abc&verdict=none")
    cookie = found.headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=strict" in cookie
    assert stranger.get("/api/session").status_code == 200


def test_a_link_of_another_site_lets_in_too(reader: Page, stranger: TestClient) -> None:
    """Strict cookies do not go along with another site's redirect, so the page itself goes on."""
    address = f"/?token={reader.served.guard.token}&sort=fate"
    found = stranger.get(address, headers={"sec-fetch-site": "cross-site"})
    assert (found.status_code, found.headers["refresh"]) == (200, "0; url=/?sort=fate")
    assert "set-cookie" in found.headers


def test_the_token_lets_in_by_the_first_address_only(reader: Page, stranger: TestClient) -> None:
    """A link to data with the token in it shows nothing."""
    assert stranger.get(f"/api/session?token={reader.served.guard.token}").status_code == 403


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1", "127.0.0.1:1", "localhost.evil"])
def test_another_host_is_refused(reader: Page, host: str) -> None:
    """A name that another site made to point here reads nothing, even with the cookie."""
    assert reader.client.get("/api/session", headers={"host": host}).status_code == 403


@pytest.mark.parametrize("origin", [None, "null", "http://evil.example", "http://127.0.0.1:1"])
def test_another_origin_cannot_post(reader: Page, origin: str | None) -> None:
    """A form or script of another site, or of another port, decides nothing."""
    headers = {} if origin is None else {"origin": origin}
    assert reader.client.post("/api/undo", json={}, headers=headers).status_code == 403


def test_posts_are_json_of_some_size(reader: Page) -> None:
    """What a form could send without being asked is refused, and so is what would fill memory."""
    own = {"origin": reader.origin}
    post = reader.client.post
    assert post("/api/undo", content="{}", headers=own).status_code == 415
    large = post("/api/undo", content=b" " * (1 << 21), headers={**own, **JSON})
    assert large.status_code == 413
    assert post("/api/undo", content="{", headers={**own, **JSON}).status_code == 400
    half = '{"reviewer": "\\ud800", "action": "accept", "clip_id": "x"}'
    assert "half of a character" in post("/api/undo", content=half, headers={**own, **JSON}).text
    assert post("/api/undo", content="[" * 100_000, headers={**own, **JSON}).status_code == 400


JSON = {"content-type": "application/json"}


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "OPTIONS", "TRACE"])
def test_other_methods_are_refused(reader: Page, method: str) -> None:
    """Only GET, HEAD and POST are spoken."""
    assert reader.client.request(method, "/api/session").status_code == 405


@pytest.mark.parametrize("name", STRANGE)
@pytest.mark.parametrize(
    "address",
    ["/static/{}", "/strip/{}.jpg", "/media/{}", "/preview/{}.mp4", "/keyframe/{}/0.jpg"],
)
def test_no_address_leaves_its_folder(reader: Page, address: str, name: str) -> None:
    """A path in place of a name or an id is no file."""
    assert reader.client.get(address.format(name)).status_code == 404


@pytest.mark.parametrize("pts", ["-1", "1e3", "99999999999999999999", "7", "x"])
def test_only_frames_that_there_are(reader: Page, pts: str) -> None:
    """A frame's time is a tick of a frame of a video of the data set."""
    video_id = reader.clips()[0]["video_id"]
    assert reader.client.get(f"/frames/{video_id}/{pts}.jpg").status_code == 404
    assert reader.client.get("/frames/nothing/0.jpg").status_code == 404


def test_every_answer_forbids_what_the_page_does_not_need(reader: Page) -> None:
    """No script but the page's own runs, nothing is framed, guessed or told to other sites."""
    for address in ("/api/session", "/api/nothing", "/strip/x.jpg"):
        headers = reader.client.get(address).headers
        policy = headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "frame-ancestors 'none'" in policy
        assert "unsafe" not in policy
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "no-referrer"
        assert "access-control-allow-origin" not in headers
        assert headers["cache-control"] == "no-store"


@pytest.mark.parametrize("clip_id", ["<script>", "%F0%9F%90%87", "a" * 5000, "'; DROP", "%2e%2e"])
def test_hostile_ids_are_no_clips(reader: Page, clip_id: str) -> None:
    """An id that is none gives an error as JSON."""
    assert reader.client.get(f"/api/clips/{clip_id}").status_code in (404, 422)


def test_a_bug_is_told_and_not_swallowed(
    made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The page gets JSON that says so, and the terminal the trace."""
    root = Path(shutil.copytree(made / "data", tmp_path / "data"))
    monkeypatch.setattr("vidcurate.review.app.histogram", lambda *_: 1 / 0)
    with serving(require_dataset(root), None, 0, print) as served:
        origin = f"http://127.0.0.1:{served.guard.port}"
        with TestClient(served.guard, base_url=origin, raise_server_exceptions=False) as client:
            client.cookies.set(served.guard.cookie, served.guard.token)
            found = client.get("/api/histogram?score=clips.duration_s")
    assert found.status_code == 500
    assert "a bug of vidcurate" in found.json()["error"]
    assert "ZeroDivisionError: division by zero" in capsys.readouterr().out
