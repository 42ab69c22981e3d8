"""No command waits for a pipe that nobody writes to."""

from __future__ import annotations

import os

import pytest
from examples import draw_image
from typer.testing import CliRunner

from dia_pipeline import cli


@pytest.mark.parametrize(
    "arguments",
    [
        ("pipe.png", "b.png"),
        ("b.png", "pipe.png"),
        ("b.png", "b.png", "--labels-a", "pipe.png", "--labels-b-prime", "b.png"),
    ],
)
def test_no_command_waits_for_a_pipe(tmp_path, monkeypatch, arguments):
    monkeypatch.chdir(tmp_path)
    os.mkfifo("pipe.png")
    draw_image(tmp_path / "b.png", 1)
    result = CliRunner().invoke(cli.app, ("run", *arguments, "-o", "out", "--backbone", "vgg16"))
    assert result.exit_code == 2, result.output
    assert "pipe.png: this is no regular file" in result.output
