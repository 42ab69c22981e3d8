"""The server itself, which this machine alone can reach."""

from __future__ import annotations

from collections.abc import Callable
from socket import SO_REUSEADDR, SOL_SOCKET, socket
from types import FrameType

import uvicorn

from dia_pipeline.studio.guard import Guard
from dia_pipeline.studio.project import StudioError


def listen(port: int) -> socket:
    """A socket of the loopback interface, of a port or, for 0, one that is free.

    Raises:
        StudioError: the port is taken.
    """
    own = socket()
    own.setsockopt(SOL_SOCKET, SO_REUSEADDR, 1)
    try:
        own.bind(("127.0.0.1", port))
        own.listen()  # a browser may ask from now on, and waits
    except OSError as error:
        own.close()
        raise StudioError(f"port {port}", error.strerror or str(error), "name another") from error
    return own


def serve(application: Guard, own: socket, closing: Callable[[], None]) -> None:
    """Answer until Ctrl-C.

    Args:
        closing: called when it comes: answers that have no end are to end then.
    """
    config = uvicorn.Config(
        application,
        log_level="warning",
        timeout_graceful_shutdown=1,
        ws="none",
        server_header=False,
    )
    _Server(config, closing).run(sockets=[own])


class _Server(uvicorn.Server):
    def __init__(self, config: uvicorn.Config, closing: Callable[[], None]):
        super().__init__(config)
        self.closing = closing

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        self.closing()
        super().handle_exit(sig, frame)
