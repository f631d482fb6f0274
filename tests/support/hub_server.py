"""A hub on this machine with one repository, which speaks as much of the protocol as uploads do."""

import base64
import hashlib
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

TOKEN = "hf_secret"  # noqa: S105 - of this hub only
COMMIT = "0" * 40
SMALL = (".md", ".json", ".jsonl", ".gitattributes")


@dataclass
class Hub:
    """What the repository holds, and what was asked; `exists` once it is made."""

    url: str = ""
    exists: bool = False
    files: dict[str, bytes] = field(default_factory=dict)
    large: dict[str, bytes] = field(default_factory=dict)
    created: list[dict[str, Any]] = field(default_factory=list)
    commits: list[list[dict[str, Any]]] = field(default_factory=list)
    tokens: set[str | None] = field(default_factory=set)
    refuse_commits_after: int = 999

    def put(self, name: str, content: bytes) -> None:
        """Let somebody else put a file there."""
        self.exists = True
        self.files[name] = content

    def commit(self, lines: list[dict[str, Any]]) -> None:
        """Apply the lines of a commit."""
        self.commits.append(lines)
        for line in lines:
            value = line["value"]
            if line["key"] == "file":
                self.files[value["path"]] = base64.b64decode(value["content"])
            elif line["key"] == "lfsFile":
                self.files[value["path"]] = self.large[value["oid"]]
            elif line["key"] == "deletedFile":
                del self.files[value["path"]]

    def tree(self) -> list[dict[str, Any]]:
        """The files as the hub lists them."""
        return [tree_entry(name, content) for name, content in sorted(self.files.items())]


def tree_entry(name: str, content: bytes) -> dict[str, Any]:
    """One file as the hub lists it."""
    oid = hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()  # noqa: S324 - git's
    entry: dict[str, Any] = {"type": "file", "path": name, "size": len(content), "oid": oid}
    if not name.endswith(SMALL):
        sha256 = hashlib.sha256(content).hexdigest()
        entry["lfs"] = {"oid": sha256, "size": len(content), "pointerSize": 134}
    return entry


class Handler(BaseHTTPRequestHandler):
    """One connection; the hub is the server's attribute."""

    protocol_version = "HTTP/1.1"

    @property
    def hub(self) -> Hub:
        """The hub that answers."""
        hub: Hub = self.server.hub  # type: ignore[attr-defined]
        hub.tokens.add(self.headers.get("Authorization"))
        return hub

    def log_message(self, *_: Any) -> None:
        """Keep quiet."""

    def answer(self, value: Any, status: int = 200, **headers: str) -> None:
        """Send an answer, as JSON unless it is bytes."""
        content = value if isinstance(value, bytes) else json.dumps(value).encode()
        self.send_response(status)
        for name, text in headers.items():
            self.send_header(name.replace("_", "-"), text)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    def body(self) -> bytes:
        """What was sent."""
        return self.rfile.read(int(self.headers.get("Content-Length", 0)))

    def do_HEAD(self) -> None:
        """Answer as GET, without the content."""
        self.do_GET()

    def do_GET(self) -> None:
        """The tree, or a file."""
        hub, path = self.hub, self.path.partition("?")[0]
        if not hub.exists:
            self.answer({"error": "no"}, 404, X_Error_Code="RepoNotFound")
        elif "/tree/" in path:
            self.answer(hub.tree())
        else:
            content = hub.files[path.partition("/resolve/main/")[2] or path.split(COMMIT + "/")[1]]
            tag = hashlib.sha256(content).hexdigest()
            self.answer(content, ETag=f'"{tag}"', X_Repo_Commit=COMMIT)

    def do_PUT(self) -> None:
        """Take a large file."""
        content = self.body()
        self.hub.large[hashlib.sha256(content).hexdigest()] = content
        self.answer(b"")

    def do_POST(self) -> None:
        """Everything that changes something."""
        hub, path, body = self.hub, self.path.partition("?")[0], self.body()
        if path.endswith("/commit/main"):
            if len(hub.commits) >= hub.refuse_commits_after:
                self.answer({"error": "storage limit reached"}, 403)
                return
            hub.commit([json.loads(line) for line in body.splitlines()])
            self.answer(
                {"commitUrl": f"{hub.url}/datasets/me/films/commit/{COMMIT}", "commitOid": COMMIT}
            )
            return
        asked = json.loads(body)
        if path.endswith("/repos/create"):
            hub.exists = True
            hub.created.append(asked)
            hub.files[".gitattributes"] = b"* filter=lfs"
            self.answer({"url": f"{hub.url}/datasets/me/films"})
        elif "/preupload/" in path:
            modes = [("regular" if f["path"].endswith(SMALL) else "lfs") for f in asked["files"]]
            files = [
                {"path": f["path"], "uploadMode": mode, "shouldIgnore": False}
                for f, mode in zip(asked["files"], modes, strict=True)
            ]
            self.answer({"files": files})
        elif path.endswith("/objects/batch"):
            upload = {"upload": {"href": f"{hub.url}/large"}}
            objects = [{**o, "actions": upload} for o in asked["objects"]]
            self.answer({"transfer": "basic", "objects": objects})
        else:
            self.answer({"errors": [], "warnings": []})


@contextmanager
def hub_server() -> Iterator[Hub]:
    """A hub without a repository."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.hub = Hub(f"http://127.0.0.1:{server.server_port}")  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield server.hub  # type: ignore[attr-defined]
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
