"""A project that is open in the studio, and a browser's requests to it."""

from __future__ import annotations

import pytest
from examples import draw_image
from projects import TABLE
from starlette.testclient import TestClient

from dia_pipeline.runs.projects import make_project
from dia_pipeline.studio.project import Project
from dia_pipeline.studio.server import Studio

PORT, TOKEN = 8765, "secret"
OWN = f"http://127.0.0.1:{PORT}"


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A project of two pairs, in which the test works."""
    folder = tmp_path / "project"
    make_project(folder)
    monkeypatch.chdir(folder)
    (folder / "images").mkdir()
    draw_image(folder / "images" / "a.png", 1, (48, 64))
    draw_image(folder / "images" / "b.png", 2, (40, 56))
    (folder / "config" / "pairs.tsv").write_bytes(TABLE.encode())
    (folder / "config" / "sequences.tsv").unlink()
    return Project()


@pytest.fixture
def studio(project, tmp_path):
    return Studio(project, tmp_path / "scratch")


@pytest.fixture
def application(studio):
    return studio.application(PORT, TOKEN)


@pytest.fixture
def stranger(application):
    """What asks without a cookie."""
    with TestClient(application, base_url=OWN, follow_redirects=False) as client:
        yield client


@pytest.fixture
def browser_of_user(stranger):
    """Asks as a browser that has opened the address with the token; its pages say their origin."""
    stranger.get(f"/?token={TOKEN}")
    stranger.headers["Origin"] = OWN
    return stranger
