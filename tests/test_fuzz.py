"""Every reader against files that nobody meant: a right result, or an error that names the file.

Each reader gets valid files with bytes changed, cut out, doubled or cut off, for a bounded number
of tries; what was found wrong once is kept in `corpus/`, a file each, and tried every time.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import imagecodecs
import numpy as np
import pytest
import tifffile
import yaml
from examples import draw_image
from films import add_sounds, draw, film
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from dia_pipeline.comparisons.benchmarks import read_variants
from dia_pipeline.errors import DiaError
from dia_pipeline.evaluation.answers import read_answer
from dia_pipeline.evaluation.truth import read_keypoints, read_mask, write_keypoints
from dia_pipeline.io.flow import read_flo, write_flo
from dia_pipeline.io.images import read_picture
from dia_pipeline.io.sound import Sound
from dia_pipeline.io.video import (
    Timing,
    count_frames,
    decode_frames,
    notes_on,
    read_pace,
    write_video,
)
from dia_pipeline.networks.weights import Weights
from dia_pipeline.runs.config import load_config
from dia_pipeline.runs.plan import Plan
from dia_pipeline.runs.sources import list_frames
from dia_pipeline.settings import resolve
from dia_pipeline.store.arrays import read_arrays, write_arrays
from dia_pipeline.store.artefacts import ArtefactError
from dia_pipeline.store.folders import read_provenance
from dia_pipeline.store.provenance import Backbone
from dia_pipeline.store.receipts import Failure, Receipt

CORPUS = Path(__file__).parent / "corpus"
RECIPE = {"a": 1}
TRIES = 500


def read_whole_video(path: Path) -> None:
    count_frames(path)
    read_pace(path)
    notes_on(path)
    for _ in decode_frames(path):
        pass
    sound = Sound(path, 0.1, 1)
    write_video(path.with_name("written.mp4"), [draw(1)], Timing(25), sound)


def read_config(path: Path) -> None:
    try:
        values = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError, ValueError):
        return  # Snakemake itself reads the file
    if isinstance(values, dict):
        load_config(values, str(path))


def read_table(path: Path) -> None:
    load_config({"pairs": str(path)})


def read_sequences(path: Path) -> None:
    load_config({"sequences": str(path)})


def weights(backbone: str) -> Callable[[Path], object]:
    return lambda path: Weights(backbone, path, "", "", "").load()


READERS: dict[str, Callable[[Path], object]] = {
    "image.png": read_picture,
    "deep.png": read_picture,
    "image.jpg": read_picture,
    "image.webp": read_picture,
    "image.gif": read_picture,
    "image.bmp": read_picture,
    "deep.tif": read_picture,
    "light.tif": read_picture,
    "light.exr": read_picture,
    "photo.heic": read_picture,
    "photo.avif": read_picture,
    "photo.jp2": read_picture,
    "deep.ppm": read_picture,
    "image.tga": read_picture,
    "mask.png": read_mask,
    "film.mp4": read_whole_video,
    "film.mkv": read_whole_video,
    "film.ts": read_whole_video,
    "flow.flo": read_flo,
    **{f"answer.{suffix}": read_answer for suffix in ("npy", "npz", "csv", "json")},
    "keypoints.json": lambda path: read_keypoints(path, (30, 30), (30, 30)),
    "pairs.tsv": read_table,
    "sequences.tsv": read_sequences,
    "list.txt": lambda path: list_frames(str(path)),
    "config.yaml": read_config,
    "variants.yaml": read_variants,
    "receipt.json": Receipt.read,
    "plan.json": Plan.read,
    "backbone.json": Backbone.read,
    "provenance.json": lambda path: read_provenance(path.parent),
    "level.h5": lambda path: read_arrays(path, RECIPE),
    "vgg19.pth": weights("vgg19"),
    "vgg16.safetensors": weights("vgg16"),
}


@pytest.fixture(scope="module")
def valid(tmp_path_factory):
    """A folder with a whole file for every reader."""
    folder = tmp_path_factory.mktemp("valid")
    draw_image(folder / "image.png", 1)
    with Image.open(folder / "image.png") as image:
        pixels = np.asarray(image)
        for suffix in ("jpg", "webp", "gif", "bmp", "tga"):
            image.save(folder / f"image.{suffix}")
        image.convert("L").save(folder / "mask.png")
        heif = pytest.importorskip("pillow_heif")
        heif.from_pillow(image).save(folder / "photo.heic")
    deep = pixels.astype(np.uint16) * 257
    (folder / "deep.png").write_bytes(imagecodecs.png_encode(deep))
    avif = imagecodecs.avif_encode(deep >> 6, bitspersample=10, primaries=12, transfer=13)
    (folder / "photo.avif").write_bytes(avif)
    (folder / "photo.jp2").write_bytes(imagecodecs.jpeg2k_encode(deep))
    height, width = deep.shape[:2]
    head = b"P6\n%d %d\n65535\n" % (width, height)
    (folder / "deep.ppm").write_bytes(head + deep.astype(">u2").tobytes())
    tifffile.imwrite(folder / "deep.tif", deep, compression="zlib")
    tifffile.imwrite(folder / "light.tif", (pixels / 255).astype(np.float32), photometric="rgb")
    exr = pytest.importorskip("OpenEXR")
    header = {"compression": exr.ZIP_COMPRESSION, "type": exr.scanlineimage}
    exr.File(header, {"RGB": (pixels / 255).astype(np.float32)}).write(str(folder / "light.exr"))
    mute = film(folder / "mute.mp4", frames=16)  # a second whole one among them
    add_sounds(mute, folder / "film.mp4", ("aac", 48000, "stereo"))
    add_sounds(mute, folder / "film.mkv", ("flac", 48000, "stereo"), ("ac3", 48000, "5.1"))
    add_sounds(mute, folder / "film.ts", ("aac", 48000, "stereo"))
    write_flo(folder / "flow.flo", np.ones((5, 7, 2), np.float32))
    np.save(folder / "answer.npy", np.ones((5, 7, 2)))
    np.savez_compressed(folder / "answer.npz", np.ones((5, 7, 2)))
    (folder / "answer.csv").write_text("x,y\n1,2.5\nnan,nan\n")
    (folder / "answer.json").write_text('{"b_prime": [[1, 2.5], null]}')
    write_keypoints(folder / "keypoints.json", [[1, 2], [3, 4]], [[5, 6], [7, 8]], [0, 0, 9, 9])
    a = folder / "image.png"
    (folder / "pairs.tsv").write_text(f"name\ta\tb_prime\tblend\none\t{a}\t{a}\t2\n")
    (folder / "sequences.tsv").write_text(
        f"name\ta\tb_prime\tstop\nday\t{a}\t{folder}/list.txt\t2\n"
    )
    (folder / "list.txt").write_text("# a day\nimage.png\nimage.jpg\n")
    config = {"pairs": str(folder / "pairs.tsv"), "settings": {"ratio": 0.5}, "pairs_per_job": 2}
    (folder / "config.yaml").write_text(yaml.safe_dump(config))
    (folder / "variants.yaml").write_text(yaml.safe_dump({"variants": {"v": {"blend": 1}}}))
    failed = {"two": Failure("level1", "broken")}
    Receipt("level1", "v", "0001", {"one": "key"}, failed).write(folder / "receipt.json")
    plan = Plan(load_config({**config, "results": str(folder / "results")}))
    (folder / "plan.json").write_bytes(plan.write().read_bytes())
    Backbone("vgg16", "digest", "source", "licence").write(folder / "backbone.json")
    (folder / "provenance.json").write_bytes((folder / "receipt.json").read_bytes())
    write_arrays(folder / "level.h5", RECIPE, {"nnf": np.arange(12)}, {"made": "here"})
    (folder / "vgg19.pth").write_bytes(b"PK\3\4" + bytes(300))
    (folder / "vgg16.safetensors").write_bytes(b"\x10" + bytes(7) + b'{"a":{"dtype":0}}')
    return folder


EDITS = st.lists(
    st.tuples(
        st.sampled_from(["flip", "set", "drop", "double", "cut", "insert"]),
        st.floats(0, 1, exclude_max=True),
        st.integers(0, 255),
    ),
    min_size=1,
    max_size=6,
)


def edited(content: bytes, edits: list[tuple[str, float, int]]) -> bytes:
    for kind, where, value in edits:
        at, length = int(where * len(content)), 1 + value % 16
        head, tail = content[:at], content[at:]
        content = {
            "flip": lambda h, t, n, v: h + bytes([t[0] ^ (1 << v % 8)]) + t[1:] if t else h,
            "set": lambda h, t, n, v: h + bytes([v]) + t[1:],
            "drop": lambda h, t, n, v: h + t[n:],
            "double": lambda h, t, n, v: h + t[:n] + t,
            "cut": lambda h, t, n, v: h,
            "insert": lambda h, t, n, v: h + bytes([v]) * n + t,
        }[kind](head, tail, length, value)
    return content


def try_to_read(name: str, path: Path) -> None:
    """Read a file; whatever is wrong with it must be said by an error that names a place."""
    try:
        READERS[name](path)
    except (DiaError, ArtefactError) as error:
        assert str(error).strip() and error.problem


@pytest.mark.slow
@pytest.mark.parametrize("name", READERS)
def test_hundreds_of_damaged_files_are_right_or_named(valid, tmp_path, name, monkeypatch):
    monkeypatch.chdir(valid)
    content, path = (valid / name).read_bytes(), tmp_path / name

    @settings(
        max_examples=TRIES,
        deadline=None,
        derandomize=True,
        suppress_health_check=list(HealthCheck),
        database=None,
    )
    @given(EDITS)
    def attempt(edits):
        path.write_bytes(edited(content, edits))
        try_to_read(name, path)

    attempt()


@pytest.mark.parametrize("name", READERS)
def test_whole_files_are_read(valid, name, monkeypatch):
    monkeypatch.chdir(valid)
    if not name.startswith("vgg"):
        READERS[name](valid / name)


@pytest.mark.parametrize("path", sorted(CORPUS.glob("*")), ids=lambda path: path.name)
def test_what_was_once_found_wrong_is_right_or_named(path, monkeypatch, tmp_path):
    """Named READER--WHAT, where the dot of the reader's name is a dash."""
    monkeypatch.chdir(tmp_path)
    name = next(name for name in READERS if path.name.startswith(name.replace(".", "-")))
    copy = tmp_path / name
    copy.write_bytes(path.read_bytes())
    try_to_read(name, copy)


@settings(suppress_health_check=list(HealthCheck), deadline=None)
@given(
    st.dictionaries(
        st.sampled_from(["ratio", "blend", "alphas", "seed", "take", "depth", "matcher", "x"]),
        st.one_of(
            st.none(), st.booleans(), st.integers(), st.floats(), st.text(), st.lists(st.floats())
        ),
        max_size=3,
    )
)
def test_any_settings_are_right_or_refused(options):
    try:
        resolve(options)
    except DiaError as error:
        assert error.problem


@settings(suppress_health_check=list(HealthCheck), deadline=None)
@given(st.recursive(st.none() | st.booleans() | st.floats() | st.text(), st.lists, max_leaves=8))
def test_any_json_as_keypoints_is_refused(tmp_path_factory, value):
    path = tmp_path_factory.getbasetemp() / "keypoints.json"
    path.write_text(json.dumps({"a": value, "b_prime": value}), encoding="utf-8", errors="replace")
    try_to_read("keypoints.json", path)
