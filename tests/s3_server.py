"""An S3 server of its own for tests: moto's, in a process of its own on a free port."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

SECRET = "not-a-real-secret"


@contextmanager
def s3_server() -> Iterator[dict[str, str]]:
    """A server without a bucket; yields the environment by which it is found."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    running = subprocess.Popen(
        [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        wait_for(port)
        yield {
            "AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}",
            "AWS_ACCESS_KEY_ID": "nobody",
            "AWS_SECRET_ACCESS_KEY": SECRET,
            "AWS_REGION": "us-east-1",
            "AWS_EC2_METADATA_DISABLED": "true",
        }
    finally:
        running.kill()
        running.wait()


def wait_for(port: int) -> None:
    """Wait until something listens."""
    end = time.monotonic() + 60
    while time.monotonic() < end:
        with suppress(OSError):
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        time.sleep(0.05)
    raise AssertionError("no S3 server after a minute")


@contextmanager
def environment(values: dict[str, str]) -> Iterator[None]:
    """These variables, for this process and those that it starts."""
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def make_bucket(address: dict[str, str], name: str) -> None:
    """An empty bucket."""
    from pyarrow.fs import S3FileSystem  # noqa: PLC0415 - after the environment is set

    S3FileSystem(
        endpoint_override=address["AWS_ENDPOINT_URL"], allow_bucket_creation=True
    ).create_dir(name)
