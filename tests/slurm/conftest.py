"""What the tests share: one cluster, one run on this machine alone, and folders to run in."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from checkout import PAIRS, Checkout
from cluster import GPUS, Cluster, missing


@pytest.fixture(scope="session")
def cluster():
    reason = missing()
    if reason:
        pytest.skip(reason)
    with TemporaryDirectory(prefix="slurm-") as folder, Cluster(Path(folder), GPUS) as cluster:
        yield cluster


@pytest.fixture
def checkout(cluster, tmp_path):
    return Checkout(tmp_path, cluster.environment)


@pytest.fixture(scope="session")
def local(cluster, tmp_path_factory):
    """What a run on this machine alone, in one batch, makes of the pairs."""
    checkout = Checkout(tmp_path_factory.mktemp("local"), cluster.environment)
    checkout.configure(pairs_per_job=PAIRS)
    finished = checkout.run("snakemake", "--cores", "all")
    assert finished.returncode == 0, finished.stdout
    return checkout.made()


@pytest.fixture(scope="session")
def local_results(local):
    """The same without what `checkpoint: pair` does not leave behind."""
    return {
        name: content
        for name, content in local.items()
        if not name.startswith("features") and "/level" not in name and "/pose" not in name
    }
