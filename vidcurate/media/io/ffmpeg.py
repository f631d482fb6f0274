"""The ffmpeg program: finding one, knowing what it can do, and running it safely."""

import functools
import os
import re
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path

import ffmpeg
import imageio_ffmpeg

from vidcurate.errors import FULL, MediaError, MissingToolError

QUIET = ("-nostdin", "-hide_banner", "-loglevel", "error", "-y")
# Far more than an ffmpeg takes that has to come from a slow disk.
QUERY_TIMEOUT_S = 20
# Lines that only say that an earlier line's fault was passed on.
REPEATED_ERRORS = re.compile(
    "^(file:|Error opening|Task finished|Terminating thread|Nothing was written|"
    "Failed to configure|Could not open encoder before EOF|Could not write header|"
    "Error (re)?initializing|Conversion failed|Error while (pro|fil))"
)
INSTALL = "install a full build of ffmpeg, or put another one first on PATH"


class FfmpegError(MediaError):
    """The ffmpeg program ended with an error."""


@dataclass(frozen=True, slots=True)
class Ffmpeg:
    """An ffmpeg program and what it was built with."""

    path: str
    version: str
    encoders: frozenset[str]
    filters: frozenset[str]
    options: frozenset[str]
    refused: str | None = None


@functools.cache
def find_ffmpeg(encoders: tuple[str, ...] = (), filters: tuple[str, ...] = ()) -> Ffmpeg:
    """Find the ffmpeg to use: the first on PATH, or else imageio-ffmpeg's, that has what is needed.

    `refused` of what is found says why an earlier one is not used. Raises MissingToolError, which
    names all that is wrong with each, if there is none.
    """
    refused: list[str] = []
    for find in (ffmpeg_on_path, bundled_ffmpeg):
        try:
            path = find()
            if path is not None:
                tool = describe_ffmpeg(path)
                check_build(tool, encoders, filters)
                return replace(tool, refused="; ".join(refused) or None)
        except MissingToolError as error:
            refused.append(str(error))
    raise MissingToolError(f"{'; '.join(refused)}: {INSTALL}")


def ffmpeg_on_path() -> str | None:
    """Return the path of the first ffmpeg on PATH."""
    return shutil.which("ffmpeg")


def bundled_ffmpeg() -> str:
    """Return the path of imageio-ffmpeg's program."""
    try:
        return str(imageio_ffmpeg.get_ffmpeg_exe())
    except RuntimeError as error:
        raise MissingToolError("imageio-ffmpeg has no ffmpeg for this machine") from error


def describe_ffmpeg(path: str) -> Ffmpeg:
    """Read what an ffmpeg program was built with.

    Raises MissingToolError if it does not run.
    """
    version = re.search(r"ffmpeg version (\S+)", query_ffmpeg(path, "-version"))
    return Ffmpeg(
        path=path,
        version=version[1] if version else "unknown",
        encoders=listed_names(query_ffmpeg(path, "-hide_banner", "-encoders")),
        filters=listed_names(query_ffmpeg(path, "-hide_banner", "-filters")),
        options=frozenset(
            re.findall(r"^-(\w+)", query_ffmpeg(path, "-hide_banner", "-h", "long"), re.MULTILINE)
        ),
    )


def listed_names(listing: str) -> frozenset[str]:
    """Return the second column of a listing of encoders or filters; the first holds flags."""
    return frozenset(re.findall(r"^ [A-Z.|]{2,} +([\w-]+) ", listing, re.MULTILINE))


def query_ffmpeg(path: str, *question: str) -> str:
    """Return what ffmpeg prints about itself.

    Raises MissingToolError if it does not run.
    """
    try:
        done = subprocess.run(  # noqa: S603 - no shell; the path was found by us, the rest is fixed
            [path, *question],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=QUERY_TIMEOUT_S,
            check=True,
        )
    except (OSError, subprocess.SubprocessError) as error:
        raise MissingToolError(f"{path} does not run ({failure_text(error)})") from error
    return done.stdout.decode(errors="replace")


def failure_text(error: OSError | subprocess.SubprocessError) -> str:
    """Say why a program did not run, without its command line."""
    if isinstance(error, subprocess.TimeoutExpired):
        return f"no answer within {error.timeout:g} s"
    if isinstance(error, subprocess.CalledProcessError):
        return f"it ended with {error.returncode}"
    return str(getattr(error, "strerror", None) or error)


def check_build(tool: Ffmpeg, encoders: Sequence[str], filters: Sequence[str]) -> None:
    """Check that an ffmpeg has the encoders and filters.

    Raises MissingToolError that names all that is missing.
    """
    missing = [f"encoder {name}" for name in encoders if name not in tool.encoders]
    missing += [f"filter {name}" for name in filters if name not in tool.filters]
    if missing:
        lacking = ", ".join(missing)
        raise MissingToolError(f"{tool.path} (version {tool.version}) lacks {lacking}")


def run(
    tool: Ffmpeg,
    stream: ffmpeg.nodes.OutputStream,
    timeout_s: float,
    folder: Path | None = None,
) -> None:
    """Run a graph that was built with ffmpeg-python, without a shell and without input.

    `folder` is where relative names of files lie. Files that exist are written over. Raises
    FfmpegError with ffmpeg's last word if it fails, caused by an OSError where a disk is full, and
    MediaError if it takes longer than `timeout_s`, after which it is killed.
    """
    command = ffmpeg.compile(stream, cmd=[tool.path, *QUIET])
    try:
        done = subprocess.run(  # noqa: S603 - no shell; paths are passed as file: URLs
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            timeout=timeout_s,
            check=False,
            cwd=folder,
            env={**os.environ, "LC_ALL": "C"},  # its words for the system's errors are read
        )
    except subprocess.TimeoutExpired as error:
        raise MediaError(f"ffmpeg was stopped after {timeout_s:g} s") from error
    if done.returncode != 0:
        stderr = done.stderr.decode(errors="replace")
        failed = f"ffmpeg failed: {error_line(stderr)}"
        raise FfmpegError(failed) from disk_full_cause(done.returncode, stderr)


def microseconds(time_s: Fraction) -> str:
    """Format a time for ffmpeg's options: seconds, rounded down to a microsecond."""
    return f"{int(time_s * 1_000_000 // 1) / 1_000_000:.6f}"


def disk_full_cause(exit_code: int, stderr: str) -> OSError | None:
    """Return the system's error if ffmpeg ended because a disk or a quota is full.

    Since version 6.1 its exit code is the low byte of the negative error number; before that only
    its message shows it.
    """
    for number in FULL:
        words = f": {os.strerror(number)}"
        if exit_code == 256 - number or any(s.endswith(words) for s in stderr.splitlines()):
            return OSError(number, os.strerror(number))
    return None


def error_line(stderr: str) -> str:
    """Return the last line that says what went wrong, skipping lines that only pass an error on."""
    lines = [re.sub(r"^(\[[^\]]*\] *)+", "", line).strip() for line in stderr.splitlines()]
    causes = [line for line in lines if line and not REPEATED_ERRORS.search(line)]
    return (causes or lines or ["no reason given"])[-1]
