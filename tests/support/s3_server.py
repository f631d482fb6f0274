"""An S3 server of its own for tests: moto's, in a process of its own on a free port."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import pytest
from pyarrow.fs import S3FileSystem

from vidcurate.store.storage import connection

SECRET = "not-a-real-secret"  # noqa: S105 - the server takes any


@pytest.fixture(scope="session")
def s3_address() -> Iterator[dict[str, str]]:
    """A server with an empty bucket `bucket`; the environment by which it is found."""
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
        address = {
            "AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}",
            "AWS_ACCESS_KEY_ID": "nobody",
            "AWS_SECRET_ACCESS_KEY": SECRET,
            "AWS_REGION": "us-east-1",
            "AWS_EC2_METADATA_DISABLED": "true",
        }
        with reached(address):
            make_bucket(address["AWS_ENDPOINT_URL"])
        yield address
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
def reached(values: dict[str, str]) -> Iterator[None]:
    """These variables, for this process and those that it starts, and a client made by them."""
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    connection.cache_clear()
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
        connection.cache_clear()


def make_bucket(endpoint: str) -> None:
    """An empty bucket; the package itself makes none."""
    S3FileSystem(endpoint_override=endpoint, allow_bucket_creation=True).create_dir("bucket")
