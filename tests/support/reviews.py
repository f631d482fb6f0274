"""A review's server asked as its page asks it, for tests."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from starlette.testclient import TestClient

from vidcurate.analysis.view import require_dataset
from vidcurate.review.serve import Serving, serving


@dataclass(frozen=True)
class Page:
    """A browser that was let in."""

    served: Serving
    client: TestClient

    @property
    def origin(self) -> str:
        """Where the page comes from."""
        return f"http://127.0.0.1:{self.served.guard.port}"

    def get(self, address: str) -> Any:
        """The JSON at an address."""
        found = self.client.get(address)
        assert found.status_code == 200, found.text
        return found.json()

    def post(self, address: str, status: int = 200, **values: Any) -> Any:
        """The answer to a JSON object."""
        found = self.client.post(address, json=values, headers={"origin": self.origin})
        assert found.status_code == status, found.text
        return found.json()

    def decide(self, action: str, clip_id: str, status: int = 200, **values: Any) -> Any:
        """Ada's decision about a clip, or another reviewer's."""
        asked = {"reviewer": "Ada", "action": action, "clip_id": clip_id, **values}
        return self.post("/api/decide", status, **asked)

    def clips(self, query: str = "") -> list[dict[str, Any]]:
        """The clips that a query asks for."""
        found: list[dict[str, Any]] = self.get(f"/api/clips?{query}")["clips"]
        return found

    def ids(self, query: str = "") -> list[str]:
        """The ids of the clips that a query asks for."""
        return [clip["clip_id"] for clip in self.clips(query)]

    def refused(self, address: str, status: int) -> str:
        """What an address says that gives nothing."""
        found = self.client.get(address)
        assert found.status_code == status, found.text
        return str(found.json()["error"])


@contextmanager
def reviewing(root: Path, config: Path | None = None) -> Iterator[Page]:
    """A review of a data set, with a browser that has the token."""
    with serving(require_dataset(root), config, 0, print) as served:
        origin = f"http://127.0.0.1:{served.guard.port}"
        with TestClient(served.guard, base_url=origin) as client:
            client.cookies.set(served.guard.cookie, served.guard.token)
            yield Page(served, client)
