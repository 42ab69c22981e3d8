"""The server as a process of its own."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
from http.client import HTTPConnection
from pathlib import Path


def test_ctrl_c_ends_it_in_silence_though_a_window_listens(project):
    dia = Path(sys.executable).with_name("dia")
    process = subprocess.Popen(
        [dia, "studio", "--no-browser"],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )
    try:
        port, token = re.search(r":(\d+)/\?token=(\S+)", process.stdout.readline()).groups()
        connection = HTTPConnection("127.0.0.1", int(port))
        connection.request("GET", "/events", headers={"Cookie": f"dia_studio_{port}={token}"})
        answer = connection.getresponse()
        assert answer.readline() == b'data: {"job": null}\n'
        process.send_signal(signal.SIGINT)
        said = process.stdout.read()
        assert "Traceback" not in said and "rror" not in said
        process.wait(timeout=30)
    finally:
        process.kill()
        process.wait()
        process.stdout.close()
