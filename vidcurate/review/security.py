"""Who may ask the server: the browser that was given the token, from the server's own page."""

import hmac
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from http.cookies import CookieError, SimpleCookie
from urllib.parse import parse_qsl, urlencode

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import JSONResponse, PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

METHODS = ("GET", "HEAD", "POST")
MAX_BODY_BYTES = 1 << 20
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "media-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'"
)
HEADERS: Mapping[str, str] = {
    "content-security-policy": POLICY,
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
}
NOT_LET_IN = (
    "This page belongs to a review that someone started on this computer, and opens only by the "
    "address that `vidcurate review` printed when it started, with its token. A token is good for "
    "one start: copy the whole address from the terminal of the review that runs now."
)


@dataclass(frozen=True)
class Guard:
    """An ASGI application that lets through to `app` what may ask, and refuses all else."""

    app: ASGIApp
    port: int
    token: str

    @property
    def hosts(self) -> tuple[str, str]:
        """What a request's Host may be: else another site's name was made to point here."""
        return f"127.0.0.1:{self.port}", f"localhost:{self.port}"

    @property
    def cookie(self) -> str:
        """The cookie's name: browsers give cookies to all ports of a host."""
        return f"vidcurate-review-{self.port}"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request; only HTTP is spoken."""
        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
            return
        if scope["type"] != "http":
            return
        answer = self.refusal(scope) or self.entrance(scope)
        await (answer or self.app)(scope, receive, with_headers(send))

    def refusal(self, scope: Scope) -> Response | None:
        """The answer to a request that comes from elsewhere, or says what none of ours says."""
        headers = Headers(scope=scope)
        if headers.get("host") not in self.hosts:
            return refused("this host is not served: open the address that was printed")
        if scope["method"] not in METHODS:
            allow = {"allow": ", ".join(METHODS)}
            return JSONResponse({"error": f"{scope['method']} is not served"}, 405, allow)
        return self.refused_post(headers) if scope["method"] == "POST" else None

    def refused_post(self, headers: Headers) -> Response | None:
        """The answer to a POST that does not come from the page, or is no JSON of some size."""
        if headers.get("origin") != f"http://{headers['host']}":
            return refused("POST is served to the review's own page only")
        if headers.get("content-type", "").partition(";")[0].strip() != "application/json":
            return JSONResponse({"error": "POST takes application/json"}, 415)
        length = headers.get("content-length", "")
        if not length.isascii() or not length.isdigit() or int(length) > MAX_BODY_BYTES:
            error = f"POST takes at most {MAX_BODY_BYTES} bytes, and says how many"
            return JSONResponse({"error": error}, 413)
        return None

    def entrance(self, scope: Scope) -> Response | None:
        """The redirect that sets the cookie, or what one without cookie or token is told."""
        query = parse_qsl(scope["query_string"].decode("latin-1"))
        given = next((value for name, value in query if name == "token"), None)
        is_first = given is not None and scope["path"] == "/" and scope["method"] == "GET"
        if is_first and self.is_token(given):
            rest = urlencode([pair for pair in query if pair[0] != "token"])
            answer = onward(scope, f"/?{rest}" if rest else "/")
            answer.set_cookie(self.cookie, self.token, httponly=True, samesite="strict")
            return answer
        if self.is_token(cookie_in(scope, self.cookie)):
            return None
        if scope["path"].startswith("/api/"):
            return refused(NOT_LET_IN)
        return PlainTextResponse(f"403: not let in\n\n{NOT_LET_IN}\n", 403)

    def is_token(self, given: str | None) -> bool:
        """Whether this is the token; how long the answer takes does not tell how near it is."""
        return given is not None and hmac.compare_digest(given.encode(), self.token.encode())


def onward(scope: Scope, address: str) -> Response:
    """Send the browser on; from another site's link not by a redirect.

    That would be the other site's request still, which strict cookies do not go along with.
    """
    if Headers(scope=scope).get("sec-fetch-site") == "cross-site":
        return PlainTextResponse("The review opens.", headers={"refresh": f"0; url={address}"})
    return RedirectResponse(address, 303)


def new_token() -> str:
    """A token that nobody can guess."""
    return secrets.token_urlsafe(32)


def cookie_in(scope: Scope, name: str) -> str | None:
    """The value of a request's cookie."""
    try:
        found = SimpleCookie(Headers(scope=scope).get("cookie", ""))
    except CookieError:
        return None
    return found[name].value if name in found else None


def refused(why: str) -> Response:
    """The answer to one who may not ask."""
    return JSONResponse({"error": why}, 403)


def with_headers(send: Send) -> Send:
    """Send answers with the headers that keep a browser from doing more than the page needs."""

    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            for name, value in HEADERS.items():
                headers.setdefault(name, value)
            headers.setdefault("cache-control", "no-store")
        await send(message)

    return sending
