"""`dia` and `snakemake` that are loaded: most calls take longer to load than to work.

A server has imported both, and has worked a pair once. Each call is a fork of it that has the
arguments, the working directory, the environment and the streams of a small program, which waits
and ends as the call does. If that program is killed, the call is. The server ends with the process
that started it. A call works with one thread.

What is as a person has it is called otherwise: the first run ever, signals, terminals.
"""

from __future__ import annotations

import ast
import fcntl
import gc
import os
import select
import shutil
import socket
import subprocess
import sys
import traceback
from collections.abc import Mapping
from functools import cache
from importlib import import_module
from pathlib import Path
from pkgutil import walk_packages
from tempfile import mkdtemp

PROGRAM = """\
#!{python} -IS
import os, socket, sys
with socket.socket(socket.AF_UNIX) as server:
    server.connect("{place}/socket")
    call = repr((os.path.basename(sys.argv[0]), sys.argv[1:], os.getcwd(), dict(os.environ)))
    socket.send_fds(server, [len(call.encode()).to_bytes(8)], [0, 1, 2])
    server.sendall(call.encode())
    sys.exit((server.recv(1) or b"F")[0])  # 70 where nothing is said of how it ended
"""


_held: list[subprocess.Popen] = []
"""The server, whose stdin is closed when this process ends."""


@cache
def programs() -> Path:
    """The folder of the two programs, and of `first.sh`, which puts it first in a shell's PATH."""
    place = Path(mkdtemp(prefix="warm-"))
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(f"{place}/socket")
        listening.listen(100)
        server = subprocess.Popen(
            [sys.executable, __file__, place, str(listening.fileno())],
            stdin=subprocess.PIPE,
            pass_fds=[listening.fileno()],
            env=os.environ | {"OMP_NUM_THREADS": "1", "NUMBA_NUM_THREADS": "1"},
        )
    _held.append(server)
    python = Path(sys.executable).resolve()  # whose path is short and has no spaces
    for name in ("dia", "snakemake"):
        (place / name).write_text(PROGRAM.format(python=python, place=place))
        (place / name).chmod(0o755)
    (place / "first.sh").write_text(f"PATH={place}:$PATH\n")
    return place


def environment(given: Mapping[str, str] = os.environ) -> dict[str, str]:
    """One in which both commands are warm, also where a shell calls them, as `snakemake` has it."""
    path = os.pathsep.join(map(str, (programs(), Path(sys.executable).parent, given["PATH"])))
    return {**given, "PATH": path, "BASH_ENV": f"{programs()}/first.sh"}


def call(*command: str) -> subprocess.CompletedProcess[str]:
    """Call a command to its end; stdout holds all it says."""
    said = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
    return subprocess.run(command, env=environment(), **said)


def serve(place: Path, listening: socket.socket) -> None:
    """Fork for each call, until nobody holds the other end of stdin."""
    calls = {"dia": _load(place), "snakemake": import_module("snakemake.cli").main}
    del sys.path[0]
    gc.collect()
    gc.freeze()  # what a fork does not look at, it need not copy
    while sys.stdin not in select.select([listening, sys.stdin], [], [])[0]:
        connection, _ = listening.accept()
        if not os.fork():
            listening.close()
            _work(connection, calls)
        connection.close()
        while os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG):
            pass
    shutil.rmtree(place)


def _load(place: Path):
    """The application, of which all is imported and has worked."""
    import numba
    import psutil
    from examples import make_plan, work, write_pairs
    from typer.main import get_command

    import dia_pipeline
    from dia_pipeline.graphs import shared

    for module in walk_packages(dia_pipeline.__path__, "dia_pipeline."):
        import_module(module.name)
    shared.find_backbone, shared._load = map(cache, (shared.find_backbone, shared._load))
    work(make_plan(place / "results", write_pairs(place / "images", 1)))
    assert psutil.Process().num_threads() == 1  # a fork has no other
    numba.config.reload_config = lambda: None  # nor may their number change
    return get_command(import_module("dia_pipeline.cli").app)


def _work(connection: socket.socket, calls: dict) -> None:
    status: object = 1
    try:
        head, streams, *_ = socket.recv_fds(connection, 8, 3)
        length, received = int.from_bytes(head), b""
        while len(received) < length:
            received += connection.recv(length - len(received))
        name, arguments, directory, variables = ast.literal_eval(received.decode())
        fcntl.fcntl(connection, fcntl.F_SETOWN, os.getpid())
        fcntl.fcntl(connection, fcntl.F_SETFL, os.O_ASYNC)  # SIGIO, which ends it, at a hangup
        for number, stream in enumerate(streams):
            os.dup2(stream, number)
            os.close(stream)
        sys.stdin = os.fdopen(0, closefd=False)
        sys.stdout = os.fdopen(1, "w", closefd=False)
        sys.stderr = os.fdopen(2, "w", 1, errors="backslashreplace", closefd=False)
        os.chdir(directory)
        os.environ.clear()
        os.environ.update(variables)
        sys.argv = [name, *arguments]
        status = calls[name]()
    except SystemExit as left:
        status = left.code
    except BaseException:
        traceback.print_exc()
    finally:
        for stream in (sys.stdout, sys.stderr, sys.__stdout__):
            stream.flush()
        connection.send(bytes([status if isinstance(status, int) else bool(status)]))
        os._exit(0)


if __name__ == "__main__":
    serve(Path(sys.argv[1]), socket.socket(fileno=int(sys.argv[2])))
