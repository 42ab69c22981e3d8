"""Sequences through `snakemake --profile slurm` on a real Slurm."""

from __future__ import annotations

from collections import defaultdict

import pytest
from examples import draw_image

pytestmark = pytest.mark.slow


def test_two_sequences_run_in_parallel(checkout, cluster):
    checkout.configure(pairs=None, sequences="config/sequences.tsv")
    lines = ["name\ta\tb_prime\tcoherence\tchunk\toverlap"]
    for name in ("dawn", "dusk"):
        folder = checkout.folder / "images" / name
        folder.mkdir()
        for number in range(1, 5):
            draw_image(folder / f"{number}.png", number)
        lines.append(f"{name}\timages/a1.png\timages/{name}\twarm-start\t2\t1")
    (checkout.folder / "config/sequences.tsv").write_text("\n".join(lines) + "\n")
    seen = len(cluster.trace())
    finished = checkout.run("snakemake", "--profile", "slurm")
    assert finished.returncode == 0, finished.stdout
    for name in ("dawn", "dusk"):
        folder = checkout.results / "hierarchical" / name
        assert (folder / "video.mp4").stat().st_size > 0
        assert len(list((folder / "frames").iterdir())) == 4

    spans = defaultdict(list)
    for _, moment, job, *_ in cluster.trace()[seen:]:
        spans[job].append(float(moment))
    assert len(spans) == 2 * (1 + 2 + 2 + 1)  # prepare, match and frames of two chunks, video
    moments = [(min(times), max(times)) for times in spans.values()]
    overlapping = [
        (one, other) for one in moments for other in moments if one < other and other[0] < one[1]
    ]
    assert overlapping
