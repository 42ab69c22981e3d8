"""What jobs ask for under the profiles; runs on a real Slurm are in tests/slurm."""

from __future__ import annotations

from pathlib import Path

import pytest
import warm
import yaml
from examples import DRAFT, write_pairs

ROOT = Path(__file__).parents[2]


@pytest.fixture
def checkout(tmp_path, monkeypatch):
    """Two pairs in one batch, in two variants that share features and one that does not."""
    monkeypatch.chdir(tmp_path)
    for name in ("Snakefile", "workflow", "generic"):
        Path(name).symlink_to(ROOT / name)
    Path("config").mkdir()
    rows = [(pair.name, pair.a, pair.b_prime) for pair in write_pairs(Path("images"), 2)]
    table = "".join("\t".join(row) + "\n" for row in [("name", "a", "b_prime"), *rows])
    Path("config/pairs.tsv").write_text(table)
    variants = {"plain": {}, "other": {"seed": 1}, "half": {"ratio": 0.5}}
    config = {"pairs": "config/pairs.tsv", "pairs_per_job": 2, "variants": variants}
    Path("config/config.yaml").write_text(yaml.safe_dump({**config, "settings": DRAFT}))


def snakemake(*arguments: str) -> str:
    return warm.call("snakemake", *arguments).stdout


def test_a_job_asks_for_one_gpu_however_many_variants_it_works(checkout):
    """The engine notes what it is asked for and refuses every job."""
    submit = "echo {resources.gpu} {resources.mem_mb} >> asked; false"
    options = ("--cluster-generic-submit-cmd", submit, "--retries", "0")
    snakemake("--profile", "generic", *options)
    asked = [line.split() for line in Path("asked").read_text().splitlines()]
    assert [gpus for gpus, _ in asked] == ["1", "1"]
    assert all(int(megabytes) <= 8000 for _, megabytes in asked)


def test_an_ablation_asks_for_a_job_a_batch_too(checkout):
    """All stages of a batch in a group, and variants that share nothing in groups of their own."""
    ablation = {"pairs": "config/pairs.tsv", "pairs_per_job": 2, "checkpoint": "pair"}
    ablation |= {"results": "results/ablation", "variants": {"plain": {}, "other": {"seed": 1}}}
    Path("config/ablation.yaml").write_text(yaml.safe_dump({**ablation, "settings": DRAFT}))
    submit = "echo {resources.gpu} >> asked; false"
    options = ("--cluster-generic-submit-cmd", submit, "--retries", "0")
    snakemake("ablation", "--profile", "generic", *options)
    assert Path("asked").read_text().split() == ["1", "1"]


def test_what_a_site_uncomments_reaches_every_job(checkout):
    text = (ROOT / "slurm/profile.yaml").read_text()
    Path("site").mkdir()
    Path("site/profile.yaml").write_text(text.replace("#  - ", "  - "))
    shown = snakemake("--profile", "site", "--dry-run")
    jobs = 2 + 3 * 6 + 3  # features, levels and aggregates of the variants, and what runs at once
    assert shown.count("slurm_partition=gpu, slurm_account=myproject, gpu_model=a100") == jobs
