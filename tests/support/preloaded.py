"""Starts the command quickly, for tests: a server that has imported it forks for each start.

Each command still has a process of its own, with its own arguments, folder, environment and
streams; it only skips three quarters of a second of imports. `python -m tests.support.preloaded
SOCKET` is the server, which ends with its standard input; `python preloaded.py SOCKET ARGUMENT…`
runs a command.
"""

import contextlib
import gc
import importlib
import json
import os
import runpy
import select
import signal
import socket
import struct
import sys

LENGTH = struct.Struct("q")
POLL_S = 0.005  # between looks at whether a command has ended
PRELOADED = (
    "pyarrow.parquet",
    "vidcurate.cli.commands.stage",
    "vidcurate.cli.commands.run",
    "vidcurate.pipeline.runner",
    "vidcurate.stages.registry",
)


def run(address: str, arguments: list[str]) -> int:
    """Run a command with the streams of this process; its exit code, negative for a signal."""
    words = json.dumps([arguments, os.getcwd(), dict(os.environ)]).encode()  # noqa: PTH109 - quick
    with socket.socket(socket.AF_UNIX) as server:
        server.connect(address)
        socket.send_fds(server, [LENGTH.pack(len(words))], [0, 1, 2])
        server.sendall(words)
        return int(LENGTH.unpack(received(server, LENGTH.size))[0])


def received(connection: socket.socket, size: int) -> bytes:
    """The next `size` bytes."""
    found = b""
    while len(found) < size:
        piece = connection.recv(size - len(found))
        if not piece:
            raise EOFError("the server of commands ended")
        found += piece
    return found


def serve(address: str) -> list[str]:
    """Start commands until the standard input ends; a command's own process returns from here.

    It returns the command's arguments.
    """
    running: dict[int, socket.socket] = {}
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(address)
        listener.listen()
        while True:
            files: list[int | socket.socket] = [0, listener, *running.values()]
            readable, _, _ = select.select(files, [], [], POLL_S if running else None)
            if 0 in readable:
                sys.exit()
            if listener in readable:
                connection, _ = listener.accept()
                size, streams, _, _ = socket.recv_fds(connection, LENGTH.size, 3)
                words = received(connection, LENGTH.unpack(size)[0])
                pid = os.fork()
                if not pid:
                    for other in (connection, *running.values()):
                        other.close()
                    return become(words, streams)
                for file in streams:
                    os.close(file)
                running[pid] = connection
            for pid, connection in list(running.items()):
                if connection in readable:  # whoever asked has gone
                    with contextlib.suppress(ProcessLookupError):
                        os.kill(pid, signal.SIGKILL)
                ended, status = os.waitpid(pid, os.WNOHANG)
                if ended:
                    with contextlib.suppress(BrokenPipeError), connection:
                        connection.sendall(LENGTH.pack(os.waitstatus_to_exitcode(status)))
                    del running[pid]


def become(words: bytes, streams: list[int]) -> list[str]:
    """Take the folder, environment and streams of a command; its arguments."""
    arguments, folder, environment = json.loads(words)
    for number, file in enumerate(streams):
        os.dup2(file, number)
        os.close(file)
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    return [str(argument) for argument in arguments]


def main() -> None:
    """The server, or a command that it starts."""
    address, *arguments = sys.argv[1:]
    if not __package__:
        code = run(address, arguments)
        if code < 0:
            signal.signal(-code, signal.SIG_DFL)
            os.kill(os.getpid(), -code)
        sys.exit(code)
    for module in PRELOADED:
        importlib.import_module(module)
    gc.freeze()
    sys.argv[1:] = serve(address)
    runpy.run_module("vidcurate", run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
