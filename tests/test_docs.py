"""The documentation: its commands run, its links lead somewhere."""

from __future__ import annotations

import ast
import re
import shutil
import subprocess
import tomllib
from collections.abc import Iterator
from dataclasses import fields
from importlib.util import find_spec, module_from_spec, spec_from_file_location
from pathlib import Path

import films
import numpy as np
import pytest
import warm
from examples import draw_image
from formats import unlisted
from PIL import Image
from scipy import ndimage
from typer.main import get_command

from dia_pipeline import settings
from dia_pipeline.cli import app
from dia_pipeline.io.flow import write_flo
from dia_pipeline.runs.config import Config
from dia_pipeline.runs.sequence import Sequence

ROOT = Path(__file__).parents[1]
PAGES = [
    *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md")),
    *(ROOT / name for name in ("config/README.md", "benchmarks/README.md")),
    *sorted((ROOT / "docs").glob("*.md")),
]

LANGUAGES = {"console", "csv", "diff", "python", "sh", "text", "yaml"}
"""Those of blocks; commands are in `sh` and, with what they print, in `console`."""

RUN_ELSEWHERE = {
    "dia describe A.jpg B_prime.jpg -o maps/ --network timm:vit_small_patch14_dinov2 "
    "--weights vits14.pth": "tests/networks/test_transformers.py",
    "dia guides carry portrait": "tests/studio/test_carried_guides.py",
    "dia guides carry portrait cat --no-doubtful": "tests/studio/test_carried_guides.py",
    "dia studio": "tests/browser/test_studio.py",
    "dia studio A.jpg B_prime.jpg": "tests/studio/test_opening.py",
    "make demo": ".ci/run",
    "make docs": ".ci/run",
    "make lint": ".ci/run",
    "make test": ".ci/run",
    "make test-all": ".ci/run",
    "pip wheel --no-deps --wheel-dir dist .": ".github/workflows/checks.yml",
    "docker build --tag dia .": ".github/workflows/checks.yml",
    "snakemake --profile slurm": "tests/slurm/test_slurm.py",
    "snakemake ablation --cores all": "tests/workflow/test_ablation_workflow.py",
}
"""Commands that other checks run: where."""

NOT_RUN = {
    "make coverage": "`make test` again",
    "pip install mutmut": "half an hour with the next one",
    "OMP_NUM_THREADS=1 NUMBA_NUM_THREADS=1 NUMBA_THREADING_LAYER=workqueue mutmut run": "",
}
"""Commands that no check runs: why."""

MADE = {
    "README.md": [
        "out/a_prime.png",
        "day/video.mp4",
        "results/hierarchical/first/overview.png",
        "results/index.html",
        "report.html",
        "project/results/hierarchical/harbour/overview.png",
    ],
    "docs/install.md": ["proj/Snakefile"],
    "docs/ablation.md": ["tss/table.md", "levels/figures/pair.pdf"],
    "docs/bench.md": ["bench/pairs.tsv", "bench/scores.csv", "looks/table.tex", "films/table.md"],
    "docs/control.md": [
        *(
            "labelled/b.png",
            "described/b.png",
            "kept/guides.png",
            "weaker/guides.png",
            "pointed_film/video.mp4",
        ),
        "several/sources.png",
    ],
    "docs/elsewhere.md": [
        *("look.cube", "harbour.png", "clip_in_this_look.mp4"),
        *("A_labels.png", "face_of_B_prime.png", "places_in_A.csv"),
    ],
    "docs/gallery.md": ["one/index.html", "values/index.html", "gallery/pages/values.html"],
    "docs/settings.md": ["ratios/sweep.png", "comparison/index.html"],
    "docs/timelapse.md": [
        *(
            f"{name}/video.mp4"
            for name in ("relit", "slowly", "restyled", "keyed", "coloured", "scenes")
        ),
        "to_paint/keyframes.tsv",
    ],
}
"""What is there when the commands of a page were run."""


def named(pages: list[Path]) -> list[str]:
    return [str(page.relative_to(ROOT)) for page in pages]


SIZE = (24, 32)
"""Height and width of the images that the pages name."""


@pytest.fixture(scope="module")
def checkout(tmp_path_factory):
    """A copy of what a user's checkout holds, with what the pages name: images and a table,
    references, labels and points, a video, a benchmark.
    """
    folder = tmp_path_factory.mktemp("checkout")
    for name in ("workflow", "config"):
        shutil.copytree(ROOT / name, folder / name)
    shutil.copy(ROOT / "Snakefile", folder)
    a = draw_image(folder / "A.jpg", 1, SIZE)
    draw_image(folder / "B_prime.jpg", 2, SIZE)
    with (folder / "config" / "pairs.tsv").open("a") as table:
        table.write("first\tA.jpg\tB_prime.jpg\t\t0.5\n")
    (folder / "photos").mkdir()
    draw_image(folder / "photos" / "harbour.jpg", 3, SIZE)
    draw_image(folder / "painting.jpg", 4, SIZE)
    (folder / "references").mkdir()
    for number in range(2):
        draw_image(folder / "references" / f"{number}.png", number, SIZE)
    for name in ("A", "B_prime"):
        Image.new("RGB", SIZE[::-1], "red").save(folder / f"{name}_labels.png")
        np.save(folder / f"{name}.npy", np.ones((4, 3, 4), np.float32))
    for name in ("face", "weaker"):
        Image.new("L", SIZE[::-1], 100).save(folder / f"{name}.png")
    (folder / "points.csv").write_text("a_x,a_y,b_prime_x,b_prime_y\n13,15,6,14\n")
    (folder / "places.csv").write_text("x,y\n13,15\n")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(films, "SIZE", SIZE)
        films.film(folder / "clip.mp4", frames=5)
    of_tss = folder / "TSS_CVPR2016" / "JODS" / "cat"
    of_tss.mkdir(parents=True)
    for number in (1, 2):
        shutil.copy(a, of_tss / f"image{number}.png")
        write_flo(of_tss / f"flow{number}.flo", np.zeros((*SIZE, 2)))
        Image.new("L", SIZE[::-1], "white").save(of_tss / f"mask{number}.png")
    (of_tss / "flip_gt.txt").write_text("0\n")
    (folder / "films.tsv").write_text("name\ta\tb_prime\nclip\tclip.mp4\tB_prime.jpg\n")
    (folder / "restylers").mkdir()
    shutil.copy(folder / "clip.mp4", folder / "restylers")
    (folder / "flows").mkdir()
    np.save(folder / "flows" / "JODS-cat_12.npy", np.ones((48, 64, 2)))
    return folder


def test_the_table_of_settings_is_that_of_their_declarations():
    """To renew it: put what `python -m dia_pipeline.settings` prints in its place."""
    assert settings.table() in (ROOT / "config" / "README.md").read_text()


def rows(page: str, heading: str) -> dict[str, list[str]]:
    """The cells of the table of a page that begins with a heading, by the first of each row."""
    table = (ROOT / page).read_text().partition(f"| {heading} |")[2].partition("\n\n")[0]
    lines = [line.strip("| ").split("|") for line in table.splitlines()[2:]]
    return {line[0].strip(): [cell.strip() for cell in line[1:]] for line in lines}


def test_the_table_of_qualities_is_that_of_the_settings():
    values = settings.SHORTHANDS["quality"].values
    told = {name.strip("`"): cells for name, cells in rows("docs/settings.md", "`quality`").items()}
    assert told == {name: list(map(str, each["deconvolution"])) for name, each in values.items()}


def test_the_table_of_presets_is_that_of_the_settings():
    names = ("blend", "ratio", "take")
    default = settings.SHORTHANDS["preset"].default
    plain = settings.Settings(take="everything")
    for name, each in settings.SHORTHANDS["preset"].values.items():
        told = rows("docs/settings.md", "`preset`")[
            f"`{name}`" + ", the default" * (name == default)
        ]
        values = [each.get(setting) or getattr(plain, setting) for setting in names]
        assert [cell.strip("`") for cell in told] == list(map(str, values))


def test_the_choices_of_the_usual_settings_are_those_of_their_declarations():
    """Each has its default marked, and all its choices, or the first and the last of numbers."""
    for link, (told,) in rows("docs/settings.md", "option").items():
        setting = settings.options()[re.search("`--([a-z-]+)`", link)[1].replace("-", "_")]
        shown = re.findall(r"`?([\w.-]+)`? \(default[,)]|default ([\d.]+)", told)
        assert ["".join(each) for each in shown] == [setting.shown]
        choices = setting.choices if isinstance(setting.default, str) else setting.choices[::4]
        assert all(re.search(rf"(^|[ `]){choice}\b", told) for choice in choices)


@pytest.mark.parametrize("page", named(PAGES))
def test_a_default_that_a_page_repeats_is_the_one_that_is_declared(page):
    """As in `blend` ... The default is 3; `guidance` (default 1); `max_side` (700 by default)."""
    known = {name: each.shown for name, each in settings.options().items()}
    text = (ROOT / page).read_text()
    told = re.findall(r"`(?:--)?([\w-]+)`[^`|]{0,90}?[Dd]efault(?: is)? `?([\d.]*\d)", text)
    told += re.findall(r"`(?:--)?([\w-]+)` \(`?([\d.]*\d)`? by default", text)
    for name, value in told:
        shown = known.get(name.replace("-", "_"), value)
        assert float(value) == float(shown), f"{name}: {value}"


def test_the_defaults_of_the_tables_of_the_configuration_are_those_of_the_code():
    told = rows("config/README.md", "field") | rows("config/README.md", "column | default")
    stated = {name.strip("`"): cells[0].strip("`") for name, cells in told.items()}
    for one in (Config(), Sequence("", "", "")):
        for each in fields(one):
            value = getattr(one, each.name)
            if isinstance(value, (str, int)) and value and each.name in stated:
                assert stated[each.name] == str(value), each.name


def test_the_confidences_that_pages_repeat_are_those_of_the_code():
    sound, hopeless = (f"{each:g}".lstrip("0") for each in (settings.SOUND, settings.HOPELESS))
    told = rows("docs/control.md", "confidence")
    assert [f"{hopeless} to {sound}", f"below {hopeless}"] == list(told)[-2:]
    meaning = settings.options()["min_confidence"].meaning
    assert f"below {settings.HOPELESS:g} they have little in common" in meaning
    assert f"`min_confidence: {settings.HOPELESS:g}`" in (ROOT / "docs/control.md").read_text()


def test_diagrams_and_nodes_of_the_architecture_are_those_of_the_code():
    """To renew them: `python docs/architecture.py`."""
    spec = spec_from_file_location("architecture", ROOT / "docs" / "architecture.py")
    drawing = module_from_spec(spec)
    spec.loader.exec_module(drawing)
    for draw in drawing.DIAGRAMS:
        assert (ROOT / "docs" / f"{draw.__name__}.svg").read_text() == draw()
    page = (ROOT / "docs" / "architecture.md").read_text()
    assert drawing.with_nodes(page) == page


def test_the_rooms_are_listed_from_top_to_bottom():
    """In the order in which `make lint` lets them use each other."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    layers = project["tool"]["importlinter"]["contracts"][0]["layers"]
    page = (ROOT / "CONTRIBUTING.md").read_text().partition("| room |")[2].partition("\n\n")[0]
    rooms = re.findall(r"`(\w+)(?:/|\.py)`", "\n".join(re.findall(r"^\|[^|]*", page, re.M)))
    for layer in layers:
        here, rooms = rooms[: layer.count("|") + 1], rooms[layer.count("|") + 1 :]
        assert sorted(here) == sorted(layer.split(" | "))
    assert not rooms


def blocks(page: Path, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", page.read_text(), re.MULTILINE | re.DOTALL)


def blocks_of_commands(page: Path) -> list[list[str]]:
    """The commands of a page by block, in their order."""
    own = [block.splitlines() for block in blocks(page, "sh")]
    shown = [block.splitlines() for block in blocks(page, "console")]
    prompted = [[line[2:] for line in block if line.startswith("$ ")] for block in shown]
    return [block for block in own + prompted if block]


@pytest.mark.slow
@pytest.mark.parametrize("page", named([page for page in PAGES if blocks_of_commands(page)]))
def test_the_commands_of_a_page_run(checkout, page):
    """In their order: later ones look at what earlier ones made. A block begins in the checkout."""
    environment = warm.environment()
    for block in blocks_of_commands(ROOT / page):
        folder = checkout
        for command in block:
            if command in NOT_RUN:
                continue
            if command in RUN_ELSEWHERE:
                assert command in (ROOT / RUN_ELSEWHERE[command]).read_text()
                continue
            if command.startswith("cd "):
                folder = folder / command.removeprefix("cd ")
                continue
            result = subprocess.run(
                command.split(), cwd=folder, env=environment, capture_output=True
            )
            assert result.returncode == 0, f"{command}\n{result.stdout}\n{result.stderr}"
    assert all((checkout / path).exists() for path in MADE.get(page, []))
    if page == "README.md":
        assert unlisted(checkout / "results", "The workflow") == []


@pytest.mark.parametrize("page", named(PAGES))
def test_no_command_of_a_page_escapes(page):
    """Blocks say what they are; those that are no commands begin with none."""
    found = re.findall(r"^```([^\n]*)\n(.*?)^```", (ROOT / page).read_text(), re.M | re.S)
    assert {language for language, _ in found} <= LANGUAGES
    for language, block in found:
        if language not in ("sh", "console"):
            assert not re.search(r"^\$? ?(dia|snakemake|make|pip|python) ", block, re.MULTILINE)


@pytest.mark.parametrize("page", named(PAGES))
def test_commands_within_the_text_exist(page):
    """What is between backquotes: commands of `dia` with their options, targets, modules."""
    text = re.sub(r"^```.*?^```", "", (ROOT / page).read_text(), flags=re.MULTILINE | re.DOTALL)
    known = get_command(app).commands
    for name, rest in re.findall(r"`dia ([a-z]+)([^`]*)`", text):
        assert name in known, name
        options = {option for each in known[name].params for option in each.opts} | {"--help"}
        given = set(re.findall(r"(?<!\S)--?[a-z][\w-]*", rest))
        assert given <= options | {"--sharpen"}, f"dia {name}{rest}"  # of CONTRIBUTING's example
    makefile = (ROOT / "Makefile").read_text()
    for target in re.findall(r"`make ([a-z-]+)`", text):
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), target
    for module in re.findall(r"`python -m ([\w.]+)", text):
        assert find_spec(module), module


@pytest.mark.parametrize("page", ["README.md", "docs/api.md", "docs/control.md"])
def test_the_python_of_a_page_runs(checkout, monkeypatch, page):
    monkeypatch.chdir(checkout)
    (example,) = blocks(ROOT / page, "python")
    names: dict = {}
    exec(example, names)
    assert "result" not in names or names["result"].a_prime.shape == (*SIZE, 3)


def test_every_page_with_python_is_run():
    """`docs/ablation.md` shows a matcher, see below."""
    pages = named([page for page in PAGES if blocks(page, "python")])
    assert pages == ["README.md", "docs/ablation.md", "docs/api.md", "docs/control.md"]


def test_the_matcher_of_the_documentation_matches():
    """A shifted image, in the size it is compared at and twice as large."""
    code = blocks(ROOT / "docs" / "ablation.md", "python")[0]
    names: dict = {}
    exec(code, names)
    a = ndimage.gaussian_filter(
        np.random.default_rng(0).random((48, 64, 3)), (2, 2, 0), mode="wrap"
    )
    a = np.uint8((a - a.min()) / np.ptp(a) * 255)
    b_prime = np.roll(a, (3, 5), (0, 1))
    nnf_ab, nnf_ba = names["match"](a, b_prime, None, None)
    assert nnf_ab.dtype == np.int32
    assert nnf_ab[10, 10].tolist() == [13, 15]
    assert nnf_ba[20, 20].tolist() == [17, 15]
    assert nnf_ab.reshape(-1, 2).max(axis=0).tolist() == [47, 63]
    larger = names["match"](a, b_prime.repeat(2, 0).repeat(2, 1), None, None)[0]
    assert np.abs(larger[10, 10] - (26, 30)).max() <= 1


@pytest.mark.parametrize("page", named(PAGES))
def test_links_lead_somewhere(page):
    """To files, and to headings as GitHub names them."""
    own = ROOT / page
    for link in re.findall(r"\]\(([^)]+)\)", own.read_text()):
        if link.startswith("https://"):
            continue
        path, _, anchor = link.partition("#")
        target = own.parent / path if path else own
        assert target.exists(), link
        assert not anchor or anchor in anchors(target), link


def anchors(page: Path) -> set[str]:
    """What GitHub calls the headings of a page."""
    text = re.sub(r"^```.*?^```", "", page.read_text(), flags=re.MULTILINE | re.DOTALL)
    headings = re.findall(r"^#+ (.*)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", each.lower()).replace(" ", "-") for each in headings}


def test_the_messages_of_troubleshooting_are_those_of_the_code():
    """Each is a part of a text in the code, with `…` for what is filled in."""
    page = (ROOT / "docs" / "troubleshooting.md").read_text()
    messages = re.findall(r"^\| `([^`]+)` \|", page, re.MULTILINE)
    assert len(messages) > 30
    said = "\n".join(text for path in (ROOT / "dia_pipeline").rglob("*.py") for text in texts(path))
    for message in messages:
        assert message in said, message


def texts(path: Path) -> Iterator[str]:
    """The texts of a module, with `…` for what is filled in."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.JoinedStr):
            parts = (part.value if isinstance(part, ast.Constant) else "…" for part in node.values)
            yield "".join(parts)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value


def test_every_test_that_reliability_names_is_there():
    page = (ROOT / "docs" / "reliability.md").read_text()
    folder = ""
    for path, name in re.findall(r"`(tests/[\w/]+\.py)?(?:::(\w+))?`", page):
        folder = path or folder
        if name:
            assert f"def {name}(" in (ROOT / folder).read_text(), f"{folder}::{name}"
