"""The server answers its own pages, and nobody else; it leads to no other file."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from urllib.parse import quote

import pytest
from projects import ROW, png
from starlette.exceptions import HTTPException
from starlette.requests import Request

from dia_pipeline.gallery.gallery import make_gallery
from dia_pipeline.studio.guard import body_of
from dia_pipeline.studio.server import MAX_PNG

POINTS = "/guides/first/points"
ABSENT = {"If-Match": "none"}


def at(path: str | Path) -> str:
    return "/at" + quote(os.path.abspath(path))


def test_the_token_is_exchanged_for_a_cookie_of_this_server(stranger):
    answer = stranger.get("/?token=secret")
    assert answer.status_code == 303 and answer.headers["location"] == at("results/index.html")
    cookie = answer.headers["set-cookie"].lower()
    assert "httponly" in cookie and "samesite=strict" in cookie and "domain" not in cookie
    assert stranger.get("/pairs").json() == ["first", "second"]


@pytest.mark.parametrize("path", ["/", "/?token=", "/?token=Secret", "/pairs", "/mend/first", "/x"])
def test_without_the_token_there_is_no_answer(stranger, path):
    assert stranger.get(path).status_code == 403


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "http://evil.example"},
        {"Origin": "http://127.0.0.1:1"},
        {"Origin": "null"},
        {"Host": "evil.example:8765", "Origin": "http://evil.example:8765"},
        {"Host": "127.0.0.1:1"},
    ],
)
def test_other_sites_get_no_answer_though_the_browser_sends_the_cookie(browser_of_user, headers):
    for method, path in (("GET", "/pairs"), ("PUT", POINTS), ("POST", "/keep/first/hierarchical")):
        answer = browser_of_user.request(method, path, headers={**ABSENT, **headers}, content="[]")
        assert answer.status_code == 403, path


def test_what_changes_something_names_its_origin(browser_of_user):
    del browser_of_user.headers["Origin"]
    assert browser_of_user.put(POINTS, json=[ROW], headers=ABSENT).status_code == 403
    site = {"Sec-Fetch-Site": "cross-site"}
    assert browser_of_user.get("/pairs", headers=site).status_code == 403
    assert browser_of_user.get("/pairs").status_code == 200


def test_only_results_and_images_of_the_table_are_served(browser_of_user, project, tmp_path):
    make_gallery(project.plan)
    outside = tmp_path / "secret.txt"
    outside.write_text("secret")
    Path("results/link.txt").symlink_to(outside)
    for seen in ("results/index.html", "results/gallery/gallery.css", "images/a.png"):
        assert browser_of_user.get(at(seen)).status_code == 200, seen
    hidden = [outside, "config/config.yaml", "config/pairs.tsv", "results/link.txt", "results"]
    climbing = [
        at("results") + "/%2e%2e/config/config.yaml",
        at("results") + "/..%2f..%2fsecret.txt",
        "/at/etc/passwd",
        "/at//etc/passwd",
        "/studio/%2e%2e/project.py",
        "/studio/..%2fproject.py",
        "/gallery/%2e%2e/pages.py",
        "/drafts/first/hierarchical/%2e%2e%2fprovenance.json",
        "/drafts/%2e%2e/hierarchical/a_prime.png",
        "/guides/%2e%2e/points",
    ]
    for path in [*map(at, hidden), *climbing]:
        answer = browser_of_user.get(path)
        assert answer.status_code in (404, 405), path
        assert "secret" not in answer.text


def test_pages_of_the_gallery_get_a_script_and_the_files_stay(browser_of_user, project):
    page = make_gallery(project.plan)
    before = page.read_bytes()
    answer = browser_of_user.get(at(page))
    assert "/studio/link.js" in answer.text and b"/studio" not in before == page.read_bytes()
    assert "default-src 'self'" in answer.headers["content-security-policy"]


def test_bodies_that_are_too_large_are_refused(browser_of_user):
    told = {**ABSENT, "Content-Length": str(100 << 20)}
    assert browser_of_user.put("/guides/first/keep", content=b"x", headers=told).status_code == 413
    large = bytes(MAX_PNG + 1)
    assert (
        browser_of_user.put("/guides/first/keep", content=large, headers=ABSENT).status_code == 413
    )
    assert browser_of_user.put(POINTS, content=bytes(2 << 20), headers=ABSENT).status_code == 413
    assert not Path("guides").exists()


def test_a_body_that_does_not_say_how_large_it_is_is_not_read_to_its_end():
    async def receive():
        sent.append(1 << 20)
        return {"type": "http.request", "body": bytes(sent[-1]), "more_body": True}

    sent: list[int] = []
    request = Request({"type": "http", "method": "PUT", "headers": []}, receive)
    with pytest.raises(HTTPException, match="413"):
        asyncio.run(body_of(request, 3 << 20))
    assert sum(sent) == 4 << 20


@pytest.mark.parametrize(
    "content", [b"{", b"[1]", b'[["a",1,2,3,null]]', b"[[1,2,3]]", b"\xff", b"[[1e999,1,1,1,null]]"]
)
def test_what_is_no_table_of_points_is_refused_in_words(browser_of_user, content):
    answer = browser_of_user.put(POINTS, content=content, headers=ABSENT)
    assert answer.status_code == 422 and "no points" in answer.json()["error"]


def test_a_broken_image_is_refused_in_words(browser_of_user):
    answer = browser_of_user.put("/guides/first/keep", content=png()[:90], headers=ABSENT)
    assert answer.status_code == 422 and answer.json()["error"]
    assert not Path("guides").exists()


def test_what_is_drawn_in_one_window_is_seen_in_another(browser_of_user):
    answer = browser_of_user.put(POINTS, json=[ROW], headers=ABSENT)
    version = answer.json()["version"]
    state = browser_of_user.get("/state/first").json()
    assert state["points"] == [ROW] and state["versions"]["points"] == version
    assert browser_of_user.put(POINTS, json=[], headers=ABSENT).status_code == 409
    assert browser_of_user.put(POINTS, json=[], headers={"If-Match": version}).status_code == 200
    keep = "/guides/first/keep"
    assert browser_of_user.get(keep).status_code == 404
    browser_of_user.put(keep, content=png(), headers=ABSENT)
    assert browser_of_user.get(keep).headers["content-type"] == "image/png"


def test_the_address_of_an_image_leads_to_it(browser_of_user):
    state = browser_of_user.get("/state/first").json()
    assert state["images"]["a"]["size"] == [64, 48]
    image = browser_of_user.get(state["images"]["a"]["address"])
    assert image.content == Path("images/a.png").read_bytes()


@pytest.mark.parametrize("path", ["/draft/none/hierarchical", "/keep/first/none", "/mend/none"])
def test_pairs_and_variants_that_are_not_there_are_named(browser_of_user, path):
    answer = browser_of_user.request("GET" if "mend" in path else "POST", path)
    assert answer.status_code == 404 and "there is no such" in answer.json()["error"]
