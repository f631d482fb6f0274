"""Watches what a run touches: files of a folder, by the kernel's own watch (Linux), and a port."""

import ctypes
import os
import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

# From <sys/inotify.h>: each event is a header of these four numbers, then a name.
IN_NONBLOCK = os.O_NONBLOCK
IN_MODIFY, IN_OPEN, IN_CREATE, IN_DELETE = 0x002, 0x020, 0x100, 0x200
WATCHED = IN_MODIFY | IN_OPEN | IN_CREATE | IN_DELETE
HEADER = struct.Struct("iIII")


@contextmanager
def opened_below(folder: Path) -> Iterator[list[str]]:
    """A list that holds, when the context ends, the names that were opened or changed in a folder.

    Raises OSError where the system cannot watch.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    watch = libc.inotify_init1(IN_NONBLOCK)
    if watch < 0 or libc.inotify_add_watch(watch, os.fsencode(folder), WATCHED) < 0:
        raise OSError(ctypes.get_errno(), "cannot watch", str(folder))
    names: list[str] = []
    try:
        yield names
        names += events(watch)
    finally:
        os.close(watch)


def events(watch: int) -> Iterator[str]:
    """The names that have been noted so far."""
    while True:
        try:
            data = os.read(watch, 1 << 16)
        except BlockingIOError:
            return
        while data:
            _, _, _, length = HEADER.unpack_from(data)
            yield os.fsdecode(data[HEADER.size : HEADER.size + length].rstrip(b"\0"))
            data = data[HEADER.size + length :]


@contextmanager
def listening_port() -> Iterator[tuple[int, list[bytes]]]:
    """A port of this machine that is listened to, and who called, with their first words."""
    calls: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=answer, args=(server, calls), daemon=True)
        thread.start()
        try:
            yield server.getsockname()[1], calls
        finally:
            server.shutdown(socket.SHUT_RDWR)
            thread.join()


def answer(server: socket.socket, calls: list[bytes]) -> None:
    """Note every caller's first words and hang up, until the server is shut down."""
    while True:
        try:
            caller, _ = server.accept()
        except OSError:
            return
        with caller:
            caller.settimeout(1)
            try:
                calls.append(caller.recv(1024))
            except TimeoutError:
                calls.append(b"")
