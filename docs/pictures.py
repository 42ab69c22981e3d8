"""The pictures of the documentation, made of photographs that packages carry.

`python docs/pictures.py` makes them all anew, `python docs/pictures.py blend guidance` some.
"""

from __future__ import annotations

import base64
import os
import sys
from collections.abc import Iterable
from contextlib import chdir
from csv import DictReader
from io import BytesIO
from pathlib import Path
from shutil import which
from signal import SIGINT
from subprocess import PIPE, Popen
from tempfile import TemporaryDirectory
from typing import Any

import nbformat
import numpy as np
from nbclient import NotebookClient
from PIL import Image, ImageDraw
from playwright.sync_api import Page, expect, sync_playwright

import dia_pipeline
from dia_pipeline.comparisons.benchmarks import run_benchmark
from dia_pipeline.composition.lut import apply_table, fit_table
from dia_pipeline.figures.panels import row_of
from dia_pipeline.gallery.gallery import make_gallery
from dia_pipeline.io.images import read_image, write_image
from dia_pipeline.jobs.single import run_pair, run_references, run_sequence
from dia_pipeline.pixels import as_levels, resize_image, shrunk, turned_grey
from dia_pipeline.runs.config import Config
from dia_pipeline.runs.pair import Pair
from dia_pipeline.runs.plan import Plan
from dia_pipeline.runs.sequence import Sequence, find_frames
from dia_pipeline.samples.demo import cat, demo_pairs, portrait, temple
from dia_pipeline.samples.films import FILMS
from dia_pipeline.samples.photographs import photograph
from dia_pipeline.samples.styles import night, painted
from dia_pipeline.settings import resolve
from dia_pipeline.studio.opening import project_with, row_of_images

DOCS = Path(__file__).parent
NOTEBOOK = DOCS / "notebook.ipynb"

PORTRAIT = {"ratio": 0.5, "preset": "photo-to-style"}
"""The settings of the demo's portrait."""

PERSON, AROUND = (230, 60, 60), (60, 60, 230)
"""The two labels."""

PEOPLE = (
    "0,448 0,330 60,300 95,250 140,225 105,190 105,110 170,40 260,25 340,85 355,170 310,230 "
    "370,320 448,448",
    "0,448 0,440 90,370 90,340 55,300 45,220 30,200 40,100 90,40 175,20 250,50 285,90 300,250 "
    "265,310 300,365 448,430 448,448",
)
"""Who is to be seen in A and in B', as polygons of x,y."""

POINTS = [(130, 150, 60, 140, 130), (230, 60, 165, 120, 130), (325, 140, 265, 130, 130)]
"""The hair of A belongs on the cap of B': x and y in A, then in B'; how far each reaches."""

WINDOW = {"width": 900, "height": 700}
"""That of the browser in pixels."""

SANDBOX = ["--no-sandbox"] if os.geteuid() == 0 else []
"""What Chromium asks for where root starts it."""


def blend() -> None:
    """A' by the values of `blend`."""
    save("control_blend", swept("blend", range(5)))


def quality() -> None:
    """A' by the values of `quality`."""
    save("settings_quality", swept("quality", ("draft", "standard", "paper")))


def ratio() -> None:
    """A' by three values of `ratio`."""
    save("settings_ratio", swept("ratio", (0.25, 0.5, 1.0)))


def task() -> None:
    """A' by the values of `task`."""
    save("settings_task", swept("task", ("transfer", "correspondence")))


def swept(name: str, values: Iterable[Any]) -> dict[str, np.ndarray]:
    """The portrait's A, B', and A' by the values of a setting."""
    a, b_prime = portrait()
    made = {
        f"{name} {value}": dia_pipeline.run(a, b_prime, **PORTRAIT | {name: value}).a_prime
        for value in values
    }
    return {"A": a, "B'": b_prime} | made


def pose() -> None:
    """A pair whose B' is turned and mirrored, as given and in its pose."""
    a, _ = cat()
    turned = painted(np.ascontiguousarray(rotated(photograph("chelsea"), 40, a.shape)), 0)
    panels = {"A": a, "B'": turned}
    for name in ("given", "auto"):
        made = dia_pipeline.run(a, turned, pose=name, ratio=0.5)
        panels |= {f"A', pose {name}": made.a_prime, f"B, pose {name}": made.b}
    save("control_pose", panels)


def guidance() -> None:
    """The portrait as it is, with two labels, and with three points."""
    a, b_prime = portrait()
    labels = [labelled(image, people) for image, people in zip((a, b_prime), PEOPLE, strict=True)]
    plain = dia_pipeline.run(a, b_prime, **PORTRAIT)
    by_labels = dia_pipeline.run(
        a, b_prime, labels_a=labels[0], labels_b_prime=labels[1], **PORTRAIT
    )
    by_points = dia_pipeline.run(a, b_prime, points=POINTS, **PORTRAIT)
    shown = [half(image, label) for image, label in zip((a, b_prime), labels, strict=True)]
    marked = [dotted(a, 0), dotted(b_prime, 2)]
    of_labels = {"labels of A": shown[0], "labels of B'": shown[1]}
    of_points = {"points of A": marked[0], "points of B'": marked[1]}
    save("control_labels", of_labels | {"B without": plain.b, "B with labels": by_labels.b})
    made = {"A' without": plain.a_prime, "A' with points": by_points.a_prime}
    save("control_points", of_points | made)


def regions() -> None:
    """The portrait with its person kept, and with a strength that grows from left to right."""
    a, b_prime = portrait()
    ramp = np.tile(np.linspace(0, 255, a.shape[1]).astype(np.uint8), (len(a), 1))
    person = (labelled(a, PEOPLE[0]) == PERSON).all(axis=-1)
    kept, weaker = (
        dia_pipeline.run(a, b_prime, **PORTRAIT, **said).a_prime
        for said in ({"keep": person}, {"strength": ramp})
    )
    maps = (plane[..., None].repeat(3, axis=-1) for plane in (np.uint8(255 * person), ramp))
    shown = dict(zip(("keep", "strength"), maps, strict=True))
    made = {"A' with keep": kept, "A' with strength": weaker}
    save("control_regions", {"A": a, "B'": b_prime} | shown | made)


def elsewhere() -> None:
    """A temple by day, A' from a night, and the colours of that as a table gives them."""
    a, b_prime = temple()
    a_prime = dia_pipeline.run(a, b_prime).a_prime
    coloured = as_levels(apply_table(a, fit_table(a, a_prime)), np.uint8)
    save("elsewhere", {"A": a, "B'": b_prime, "A'": a_prime, "A by the table": coloured})


def references() -> None:
    """A temple, of which one reference shows the left part and the other the right one."""
    a, _ = temple()
    third = a.shape[1] // 3
    parts = night(a[:, : 2 * third]), painted(a[:, third:], 0)
    with TemporaryDirectory() as folder:
        paths = [str(Path(folder, f"{name}.png")) for name in ("a", "left", "right")]
        for path, image in zip(paths, (a, *parts), strict=True):
            Image.fromarray(image).save(path)
        pair = Pair("out", *paths[:2], references=(paths[2],))
        run_references(pair, Path(folder, "out"), resolve({"ratio": 0.5}))
        made = [read_image(Path(folder, "out", f"{name}.png")) for name in ("a_prime", "sources")]
    shown = {"A": a, "B' 1": parts[0], "B' 2": parts[1], "A'": made[0], "sources": made[1]}
    save("control_references", shown)


def colour_film() -> None:
    """A film in grey, coloured of its first frame: some frames, and what is made of them."""
    film = FILMS["zoom"].make()[::3]
    with TemporaryDirectory() as folder:
        for number, frame in enumerate(film):
            write_image(Path(folder, f"grey/{number}.png"), turned_grey(frame))
        write_image(Path(folder, "key.png"), film[0])
        moving = Sequence("", f"{folder}/grey", f"{folder}/key.png", coherence="propagated")
        run_sequence(find_frames(moving), Path(folder, "out"), resolve({"preset": "colour-film"}))
        made = [read_image(path) for path in sorted(Path(folder, "out/frames").iterdir())]
    given = {"B'": film[0]} | {f"A, frame {n}": turned_grey(film[n]) for n in (1, 2, 3)}
    coloured = {"A', frame 0": made[0]} | {f"A', frame {n}": made[n] for n in (1, 2, 3)}
    rows = [np.asarray(row_of(list(panels.items()))) for panels in (given, coloured)]
    write("colour_film", np.concatenate(rows))


def composition() -> None:
    """A' and B of the portrait, voted and seamless."""
    a, b_prime = portrait()
    images = []
    for name in ("voted", "seamless"):
        made = dia_pipeline.run(a, b_prime, composition=name, **PORTRAIT)
        images += [made.a_prime, made.b]
    voted_a, voted_b, seamless_a, seamless_b = images
    write("composition", np.concatenate([voted_a, seamless_a, voted_b, seamless_b], axis=1))


def people() -> None:
    """The demo's portrait and cat, as results show themselves, by the defaults."""
    rows = [np.asarray(dia_pipeline.run(*pair()).show()) for pair in (portrait, cat)]
    width = min(row.shape[1] for row in rows)
    same = [resize_image(row, (round(row.shape[0] * width / row.shape[1]), width)) for row in rows]
    write("portrait", np.concatenate(same))


def overview() -> None:
    """The overview of the demo's portrait."""
    with TemporaryDirectory() as folder:
        paths = [str(Path(folder, f"portrait_{name}.png")) for name in ("a", "b_prime")]
        for path, image in zip(paths, portrait(), strict=True):
            Image.fromarray(image).save(path)
        run_pair(*paths, Path(folder, "out"), resolve(PORTRAIT))
        write("overview", read_image(Path(folder, "out", "overview.png")))


def notebook() -> None:
    """The outputs of the notebook, whose images are made small."""
    made = nbformat.read(NOTEBOOK, as_version=4)
    with TemporaryDirectory() as folder:
        NotebookClient(
            made, resources={"metadata": {"path": folder}}, record_timing=False
        ).execute()
    for cell in made.cells:
        if cell.cell_type == "code":
            cell.outputs = [small(each) for each in cell.outputs if "data" in each]
    nbformat.write(made, NOTEBOOK)


def small(output: nbformat.NotebookNode) -> nbformat.NotebookNode:
    """What a cell puts out, with an image as a JPEG."""
    png = output.data.pop("image/png", None)
    if png:
        image = Image.open(BytesIO(base64.b64decode(png))).convert("RGB")
        content = BytesIO()
        Image.fromarray(shrunk(np.asarray(image), 640)).save(content, "JPEG", quality=80)
        output.data = {"image/jpeg": base64.b64encode(content.getvalue()).decode()}
    return output


def gallery() -> None:
    """The gallery of the demo's pairs in Chromium: its first page, and the portrait in the dark."""
    variants: dict[str, dict] = {"hierarchical": {}, "more-style": {"blend": 1}}
    with TemporaryDirectory() as folder, chdir(folder), sync_playwright() as playwright:
        with demo_pairs(Path("demo")).open(newline="") as table:
            rows = list(DictReader(table, delimiter="\t"))
        options = ("preset", "ratio")
        pairs = tuple(Pair.of_row({**row, "ratio": float(row["ratio"])}, options) for row in rows)
        plan = Plan(Config(pairs, settings={"quality": "draft"}, variants=variants))
        run_benchmark(plan, measured=False)
        index = make_gallery(plan).absolute()
        chromium = playwright.chromium.launch(executable_path=which("chromium"), args=SANDBOX)
        light, dark = (
            chromium.new_page(viewport=WINDOW, color_scheme=scheme) for scheme in ("light", "dark")
        )
        light.goto(index.as_uri())
        dark.goto((index.parent / "gallery" / "pages" / "portrait.html").as_uri())
        dark.locator("[data-side=a] .frame").hover(position={"x": 270, "y": 175})
        dark.wait_for_selector(".mark.back:visible")
        shots = [Image.open(BytesIO(page.screenshot())) for page in (light, dark)]
    both = np.hstack([np.asarray(shot.convert("RGB")) for shot in shots])
    write("gallery", resize_image(both, (560, 1440)))


def studio() -> None:
    """The portrait in the studio: three points, A' before and after them, and by its `blend`."""
    with TemporaryDirectory() as folder, chdir(folder), sync_playwright() as playwright:
        for name, image in zip(("portrait", "b_prime"), portrait(), strict=True):
            Image.fromarray(image).save(f"{name}.png")
        project_with(
            Path("studio"), {**row_of_images("portrait.png", "b_prime.png"), "ratio": "0.5"}
        )
        dia = Path(sys.executable).with_name("dia")
        server = Popen([dia, "studio", "studio", "--no-browser"], stdout=PIPE, text=True)
        assert server.stdout
        chromium = playwright.chromium.launch(executable_path=which("chromium"), args=SANDBOX)
        page = chromium.new_page(viewport={"width": 1200, "height": 620})
        page.goto(server.stdout.readline().split()[-1])
        page.get_by_role("link", name="Mend").click()
        page.wait_for_selector("body[data-ready]")
        worked(page, "Draft", "The draft is there.")
        for point in POINTS:
            for image, (x, y) in (("a", point[:2]), ("b_prime", point[2:4])):
                sheet = page.locator(f".board[data-image={image}] .sheet")
                scale = sheet.bounding_box()["width"] / 448
                sheet.click(position={"x": scale * x, "y": scale * y})
        worked(page, "Draft", "The draft is there.")
        shot = Image.open(BytesIO(page.screenshot()))
        worked(page, "Try values of blend", "The drafts are there.")
        page.evaluate("scrollTo(0, 0)")
        tried = Image.open(BytesIO(page.screenshot(clip=below(page), full_page=True)))
        server.send_signal(SIGINT)
        server.wait()
    write("studio", np.asarray(shot.convert("RGB")))
    write("studio_settings", np.asarray(tried.convert("RGB")))


def worked(page: Page, button: str, end: str) -> None:
    """Have the studio do something, and wait until it says that this is done."""
    page.get_by_role("button", name=button, exact=True).click()
    expect(page.locator("#step")).to_have_text(end, timeout=600_000)


def below(page: Page) -> Any:
    """What lies below the images in the studio."""
    tried, settings = (page.locator(name).bounding_box() for name in ("#tried", "#settings"))
    assert tried and settings
    end = settings["y"] + settings["height"] + 12
    return {"x": 0, "y": tried["y"] - 8, "width": 1200, "height": end - tried["y"] + 8}


def rotated(image: np.ndarray, degrees: float, shape: tuple[int, ...]) -> np.ndarray:
    """The middle of a photograph, mirrored and turned."""
    turned = Image.fromarray(image[:, ::-1]).rotate(degrees, Image.Resampling.BICUBIC)
    side = min(image.shape[:2]) * 0.72
    height, width = image.shape[:2]
    box = [round(v) for v in (width / 2 - side / 2, height / 2 - side / 2)]
    part = np.asarray(turned.crop((*box, box[0] + round(side), box[1] + round(side))))
    return resize_image(part, (max(shape[:2]), max(shape[:2])))


def labelled(image: np.ndarray, people: str) -> np.ndarray:
    """The labels of an image: the inside of a polygon, and what is around it."""
    labels = Image.new("RGB", image.shape[1::-1], AROUND)
    ImageDraw.Draw(labels).polygon(
        [int(v) for point in people.split() for v in point.split(",")], PERSON
    )
    return np.asarray(labels)


def half(image: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """An image that its labels tint."""
    return (0.5 * image + 0.5 * labels).astype(np.uint8)


def dotted(image: np.ndarray, first: int) -> np.ndarray:
    """An image with its points."""
    drawn = Image.fromarray(image)
    draw = ImageDraw.Draw(drawn)
    for point, colour in zip(POINTS, ("red", "lime", "cyan"), strict=True):
        x, y = point[first : first + 2]
        draw.ellipse((x - 9, y - 9, x + 9, y + 9), colour, "white", 3)
    return np.asarray(drawn)


def save(name: str, panels: dict[str, np.ndarray]) -> None:
    """Images side by side under their labels."""
    write(name, np.asarray(row_of(list(panels.items()))))


def write(name: str, image: np.ndarray) -> None:
    Image.fromarray(image).save(DOCS / f"{name}.jpg", quality=88)


PICTURES = {
    each.__name__: each
    for each in (
        *(blend, quality, ratio, task, gallery, studio, colour_film),
        *(pose, guidance, regions, elsewhere, references),
        *(composition, people, overview, notebook),
    )
}

if __name__ == "__main__":
    for name in sys.argv[1:] or PICTURES:
        PICTURES[name]()
