"""What the server answers to each address; the work itself is done in the modules beside."""

import json
import traceback
from collections import Counter
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import Route

from vidcurate.errors import BusyError, MediaError, UsageError, VidcurateError
from vidcurate.review.answers import ConflictError, NotFoundError
from vidcurate.review.clips import ClipsNow
from vidcurate.review.decide import Asked
from vidcurate.review.detail import clip_detail, clip_pictured, score_info
from vidcurate.review.listing import ClipQuery, list_clips, video_name
from vidcurate.review.pictures import frames_around
from vidcurate.review.review import Review
from vidcurate.review.samples import estimate, make_sample, read_sample
from vidcurate.review.search import search
from vidcurate.review.thresholds import histogram, range_of, texts_in, try_rules

# Where the page's own files lie; the report's theme is the review's, too.
HERE = Path(__file__).parent
STATIC = (HERE / "static", HERE.parent / "report" / "static")
STATIC_TYPES: Mapping[str, str] = {
    ".css": "text/css",
    ".js": "text/javascript",
    ".svg": "image/svg+xml",
}
REJECT_REASONS = (
    "blurred",
    "text or logo",
    "cut inside",
    "nothing happens",
    "too dark",
    "duplicate",
    "wrong caption",
    "not suitable",
)
MAX_VIDEOS = 2000
# A picture's address names what it shows, so that it is fetched once.
KEPT_A_DAY = {"cache-control": "private, max-age=86400"}

Answer = Callable[[Review, Request], Response]


def make_app(review: Review) -> Starlette:
    """The application for a review; whoever asks must have been let in by `security`."""
    served: Mapping[str, Answer] = {
        "/": page,
        "/static/{file}": static,
        "/api/session": session,
        "/api/clips": clips,
        "/api/clips/{clip_id}": clip,
        "/api/clips/{clip_id}/frames": frames,
        "/api/histogram": score_histogram,
        "/api/search": found,
        "/api/estimate": sample_estimate,
        "/media/{video_id}": source,
        "/preview/{clip_id}.mp4": preview,
        "/strip/{clip_id}.jpg": strip,
        "/keyframe/{clip_id}/{number:int}.jpg": keyframe,
        "/frames/{video_id}/{pts:int}.jpg": frame,
    }
    taken: Mapping[str, Callable[[Review, Asked], Any]] = {
        "/api/decide": lambda r, asked: r.decide(asked),
        "/api/undo": lambda r, asked: r.undo(asked.reviewer),
        "/api/rules/try": lambda r, asked: try_rules(r.now, texts_in(asked.values.get("rules"))),
        "/api/rules/save": lambda r, asked: r.save_rules(texts_in(asked.values.get("rules"))),
        "/api/sample": draw,
    }
    routes = [Route(path, getting(review, answer)) for path, answer in served.items()]
    routes += [Route(p, posting(review, take), methods=["POST"]) for p, take in taken.items()]
    handlers: Mapping[Any, Any] = {
        VidcurateError: failed,
        HTTPException: not_served,
        Exception: lambda _request, error: broken(review, error),
    }
    return Starlette(routes=routes, exception_handlers=handlers)


def getting(review: Review, answer: Answer) -> Callable[[Request], Response]:
    """An endpoint that answers a question, in a thread of its own."""

    def endpoint(request: Request) -> Response:
        return answer(review, request)

    return endpoint


def posting(review: Review, take: Callable[[Review, Asked], Any]) -> Callable[[Request], Any]:
    """An endpoint that takes a JSON object, and answers with one."""

    async def endpoint(request: Request) -> Response:
        asked = asked_in(await request.body())
        return as_json(await run_in_threadpool(take, review, asked))

    return endpoint


def asked_in(body: bytes) -> Asked:
    """A request's JSON object; raises UsageError for anything else."""
    try:
        values = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise UsageError(f"the request is no JSON: {error}") from error
    if not isinstance(values, dict):
        raise UsageError("the request must be a JSON object")
    return Asked(values)


def failed(_request: Request, error: Exception) -> Response:
    """What an error of ours says, with the status that fits it."""
    status = 400
    if isinstance(error, NotFoundError):
        status = 404
    elif isinstance(error, ConflictError | BusyError):
        status = 409
    elif isinstance(error, MediaError):
        status = 422
    elif not isinstance(error, UsageError):
        status = 503
    return JSONResponse({"error": " ".join(str(error).split())}, status)


def broken(review: Review, error: Exception) -> Response:
    """What is said of a bug, whose trace goes to the terminal."""
    review.note("".join(traceback.format_exception(error)).rstrip())
    why = "this is a bug of vidcurate: the terminal of the review has the trace"
    return JSONResponse({"error": f"{type(error).__name__}: {why}"}, 500)


def not_served(_request: Request, error: Exception) -> Response:
    """What is said of an address that is not served."""
    assert isinstance(error, HTTPException)
    return JSONResponse({"error": error.detail}, error.status_code, error.headers)


def as_json(found: Any) -> Response:
    """An answer as JSON."""
    return JSONResponse(found)


@cache
def page_template() -> Any:
    """The page's template, whose values are escaped."""
    from jinja2 import Environment, PackageLoader, StrictUndefined  # noqa: PLC0415 - slow to import

    loader = PackageLoader("vidcurate.review")
    return Environment(loader=loader, autoescape=True, undefined=StrictUndefined).get_template(
        "review.html.j2"
    )


def page(review: Review, _request: Request) -> Response:
    """The page itself."""
    return Response(
        page_template().render(dataset=str(review.dataset.root)), media_type="text/html"
    )


def static(_review: Review, request: Request) -> Response:
    """A file of the page."""
    name = request.path_params["file"]
    for folder in STATIC:
        named = {file.name: file for file in folder.iterdir()} if folder.is_dir() else {}
        if name in named and named[name].suffix in STATIC_TYPES:
            kind = STATIC_TYPES[named[name].suffix]
            return FileResponse(named[name], media_type=kind, headers={"cache-control": "no-cache"})
    raise NotFoundError(f"the page has no file {name!r}")


def session(review: Review, _request: Request) -> Response:
    """What the page must know before it shows a clip."""
    now = review.fresh()
    return as_json(
        {
            "dataset": str(review.dataset.root),
            "config": None if review.config is None else str(review.config),
            "rules": [rule.text for rule in now.rules],
            "scores": [score_facts(now, score) for score in now.facts.scores],
            "tags": known_tags(now),
            "reviewers": sorted({d.reviewer for d in now.decisions}),
            "reject_reasons": reject_reasons(now),
            "can_search": {
                "text": now.facts.has_vectors and now.facts.knows_text,
                "like": now.facts.has_vectors,
            },
            "missing": now.facts.missing(),
            "videos": videos_of(now),
            "counts": now.counts,
        }
    )


def score_facts(now: ClipsNow, score: tuple[str, str]) -> dict[str, Any]:
    """What a score is, and how far its values reach."""
    info = score_info(*score)
    return {
        "name": ".".join(score),
        "unit": info.unit,
        "description": info.description,
        "formula": info.formula,
        "source": info.source,
        **range_of(now, score),
    }


def known_tags(now: ClipsNow) -> list[str]:
    """The tags that people gave, the most used first, then the labels that a model gave."""
    used = Counter(tag for review in now.reviews.values() for tag in review.tags)
    given = [tag for tag, _ in used.most_common()]
    return list(dict.fromkeys([*given, *now.facts.label_names]))


def reject_reasons(now: ClipsNow) -> list[str]:
    """The reasons that people gave, the most used first, then suggestions."""
    used = Counter(review.reason for review in now.reviews.values() if review.reason)
    return list(dict.fromkeys([*(reason for reason, _ in used.most_common()), *REJECT_REASONS]))


def videos_of(now: ClipsNow) -> list[dict[str, Any]]:
    """The videos that have clips, by name, each with how many; at most MAX_VIDEOS."""
    counts = Counter(now.spans.clips["video_id"].to_pylist())
    names = dict(
        zip(now.spans.clips["video_id"].to_pylist(), now.spans.video_names.to_pylist(), strict=True)
    )
    rows = [
        {"video_id": video, "name": video_name(names[video]) or video, "clips": n}
        for video, n in counts.items()
    ]
    return sorted(rows, key=lambda row: str(row["name"]))[:MAX_VIDEOS]


def clips(review: Review, request: Request) -> Response:
    """The clips that a query asks for."""
    params = request.query_params
    sample = params.get("sample")
    among = None if sample is None else list(read_sample(review.dataset, sample).clips)
    return as_json(list_clips(review.fresh(), query_of(params), among))


def query_of(params: Mapping[str, str]) -> ClipQuery:
    """A query by an address's parameters; empty ones ask for nothing.

    Raises UsageError for what is no number.
    """
    given = {name: value for name, value in params.items() if value != ""}
    return ClipQuery(
        fate=given.get("fate"),
        verdict=given.get("verdict"),
        reviewer=given.get("reviewer"),
        video=given.get("video"),
        tag=given.get("tag"),
        text=given.get("text"),
        score=given.get("score"),
        rule=given.get("rule"),
        sort=given.get("sort"),
        min=decimal(given, "min"),
        max=decimal(given, "max"),
        desc=given.get("desc") in ("1", "true"),
        offset=whole(given, "offset", 0),
        limit=whole(given, "limit", 100),
    )


def whole(params: Mapping[str, str], name: str, default: int) -> int:
    """A whole number of an address, from 0 on; raises UsageError."""
    text = params.get(name) or str(default)
    if not (text.isascii() and text.isdigit() and len(text) <= 9):  # noqa: PLR2004 - a billion
        raise UsageError(f"{name} must be a whole number from 0 on, and not {text!r}")
    return int(text)


def decimal(params: Mapping[str, str], name: str) -> float | None:
    """A number of an address, None without one; raises UsageError."""
    text = params.get(name)
    if text is None:
        return None
    try:
        return float(text)
    except ValueError as error:
        raise UsageError(f"{name} must be a number, and not {text!r}") from error


def clip(review: Review, request: Request) -> Response:
    """All that is known of a clip."""
    return as_json(clip_detail(review.now, request.path_params["clip_id"]))


def frames(review: Review, request: Request) -> Response:
    """The frames about an edge of a clip."""
    now = review.now
    params = request.query_params
    around, count = params.get("around", "start"), whole(params, "count", 9)
    named = clip_pictured(now, request.path_params["clip_id"])
    return as_json(frames_around(now.facts, named, around, count))


def score_histogram(review: Review, request: Request) -> Response:
    """How a score's values lie."""
    params = request.query_params
    return as_json(histogram(review.now, params.get("score", ""), whole(params, "bins", 40)))


def found(review: Review, request: Request) -> Response:
    """The clips most like a text or a clip."""
    params = request.query_params
    top = whole(params, "top", 50)
    return as_json(search(review.now, params.get("text"), params.get("like"), top))


def draw(review: Review, asked: Asked) -> dict[str, Any]:
    """Draw a sample."""
    by, fate = asked.text("by", 200), asked.text("fate", 200)
    drawn = make_sample(
        review.fresh(), asked.whole("n"), by or None, asked.whole("seed"), fate or None
    )
    return {"sample": drawn.sample, "clip_ids": list(drawn.clips), "sizes": dict(drawn.sizes)}


def sample_estimate(review: Review, request: Request) -> Response:
    """The share of good clips by a sample."""
    sample = read_sample(review.dataset, request.query_params.get("sample", ""))
    return as_json(estimate(review.now, sample))


def source(review: Review, request: Request) -> Response:
    """A video, as far as it is asked for."""
    path, kind = review.media.source(review.now.facts, request.path_params["video_id"])
    return FileResponse(path, media_type=kind)


def preview(review: Review, request: Request) -> Response:
    """A small copy of a clip."""
    now = review.now
    shown = clip_pictured(now, request.path_params["clip_id"])
    path = review.media.preview(now.facts, shown)
    return FileResponse(path, media_type="video/mp4", headers=KEPT_A_DAY)


def strip(review: Review, request: Request) -> Response:
    """Pictures of a clip side by side."""
    now, params = review.now, request.query_params
    shown = clip_pictured(now, request.path_params["clip_id"])
    count, height = whole(params, "count", 5), whole(params, "height", 72)
    return as_jpeg(review.pictures.strip(now.facts, shown, count, height))


def keyframe(review: Review, request: Request) -> Response:
    """A keyframe of a clip."""
    facts, named = review.now.facts, request.path_params
    return as_jpeg(review.pictures.keyframe(facts, named["clip_id"], named["number"]))


def frame(review: Review, request: Request) -> Response:
    """A frame of a video."""
    facts, named = review.now.facts, request.path_params
    return as_jpeg(review.pictures.frame(facts, named["video_id"], named["pts"]))


def as_jpeg(picture: bytes) -> Response:
    """A picture as an answer."""
    return Response(picture, media_type="image/jpeg", headers=KEPT_A_DAY)
