"""What the workflow adds to the bare computation of a pair: `python -m benchmarks.overhead`.

Jobs run on the Slurm of `tests/slurm`; the time of a job is from its start on the node to its end.
The bare computation is one process that processes all pairs in memory and writes their results. The
pairs have the size of the demo's, but settings that compute as little as possible: whatever is
added weighs the more.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections import defaultdict
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated

import numpy as np
import typer
import yaml
from PIL import Image

from .records import Record, report

REPOSITORY = Path(__file__).parents[1]
sys.path.append(str(REPOSITORY / "tests" / "slurm"))

SIDE = 448
SETTINGS = {"quality": "draft", "ratio": 0.5, "backbone": "vgg16", "iterations": 1}
THREADS = 2


def main(
    pairs: Annotated[int, typer.Option(help="Pairs of the larger job.")] = 64,
    record: Record = None,
    bare: Annotated[bool, typer.Option(hidden=True)] = False,
) -> None:
    """Show the seconds per pair, for jobs of one pair and of many."""
    if bare:
        run_bare()
        return
    rows = []
    for count in (1, pairs):
        with TemporaryDirectory() as folder:
            checkout = Path(folder)
            prepare(checkout, count)
            alone = time_bare(checkout) / count
            for checkpoint in ("level", "pair"):
                job = time_job(checkout, count, checkpoint) / count
                row = {"pairs_per_job": count, "checkpoint": checkpoint}
                rows.append({**row, "bare_s": alone, "job_s": job, "added_s": job - alone})
    report(rows, record, packages=["snakemake"])


def prepare(folder: Path, pairs: int) -> None:
    """Write a checkout with `pairs` pairs of smooth noise."""
    for name in ("Snakefile", "workflow", "slurm"):
        (folder / name).symlink_to(REPOSITORY / name)
    for name in ("config", "images"):
        (folder / name).mkdir()
    random = np.random.default_rng(0)
    rows = ["name\ta\tb_prime"]
    for number in range(pairs):
        paths = [f"images/{role}{number}.png" for role in ("a", "b_prime")]
        for path in paths:
            small = random.integers(0, 256, (14, 14, 3), dtype=np.uint8)
            Image.fromarray(small).resize((SIDE, SIDE), Image.BICUBIC).save(folder / path)
        rows.append("\t".join((f"pair{number}", *paths)))
    (folder / "config/pairs.tsv").write_text("\n".join(rows) + "\n")


def time_bare(folder: Path) -> float:
    """Seconds of a process that does nothing but process the pairs."""
    command = [sys.executable, "-m", "benchmarks.overhead", "--bare"]
    limits = dict.fromkeys(("OMP_NUM_THREADS", "NUMBA_NUM_THREADS"), str(THREADS))
    begin = time.perf_counter()
    subprocess.run(
        command, cwd=folder, check=True, env=os.environ | limits | {"PYTHONPATH": str(REPOSITORY)}
    )
    return time.perf_counter() - begin


def run_bare() -> None:
    """Process all pairs in the working directory in memory; write what `dia run` does."""
    from dia_pipeline.alignment.alignment import Alignment
    from dia_pipeline.analogy import analogy
    from dia_pipeline.graphs.shared import Networks, find_backbone
    from dia_pipeline.io.files import write_file
    from dia_pipeline.io.images import read_picture
    from dia_pipeline.settings import resolve
    from dia_pipeline.store.folders import write_provenance
    from dia_pipeline.store.provenance import circumstances
    from dia_pipeline.store.results import write_results

    settings = resolve(SETTINGS)
    backbone, _ = find_backbone(settings.backbone)
    network = Networks().get(backbone, settings.precision)
    for a in sorted(Path("images").glob("a*.png")):
        paths = a, a.with_name(a.name.replace("a", "b_prime", 1))
        pictures = [read_picture(path) for path in paths]
        images = [picture.pixels for picture in pictures]
        result = analogy(*images, network, settings)
        folder = Path("bare", a.stem)
        nnf = write_file(folder / "nnf.h5", b"")
        made_by = circumstances(backbone, network)
        alignment = Alignment(*images, result.pose, settings)
        written = write_results(folder, *pictures, alignment, result, made_by, nnf)
        write_provenance(folder, {}, written)


def time_job(folder: Path, pairs: int, checkpoint: str) -> float:
    """Seconds that the one job of all pairs holds its node."""
    from cluster import Cluster

    shutil.rmtree(folder / "results", ignore_errors=True)
    config = {
        "pairs": "config/pairs.tsv",
        "pairs_per_job": pairs,
        "checkpoint": checkpoint,
        "settings": SETTINGS,
    }
    (folder / "config/config.yaml").write_text(yaml.safe_dump(config))
    with TemporaryDirectory(prefix="slurm-") as own, Cluster(Path(own), {"n1": 1}) as cluster:
        command = [Path(sys.executable).with_name("snakemake"), "--profile", "slurm"]
        command += ["--quiet", "all"]
        subprocess.run(
            command, cwd=folder, env=cluster.environment, check=True, capture_output=True
        )
        spans = defaultdict(list)
        for _, moment, job, *_ in cluster.trace():
            spans[job].append(float(moment))
    (moments,) = spans.values()
    return max(moments) - min(moments)


if __name__ == "__main__":
    typer.run(main)
