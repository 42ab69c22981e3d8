"""What the tests share: one cluster, one run on this machine alone, and folders to run in."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
import yaml
from cluster import GPUS, Cluster, missing
from examples import DRAFT, artefacts, times, write_pairs

REPOSITORY = Path(__file__).parents[2]
PAIRS = 8


@dataclass
class Checkout:
    """A folder with the workflow and its profiles, `PAIRS` small pairs and a configuration.

    Snakemake is run in it as a user does, in the environment of the cluster.
    """

    folder: Path
    environment: dict[str, str]

    def configure(self, **config: object) -> None:
        """Write the pairs and the configuration."""
        for name in ("Snakefile", "workflow", "slurm", "generic"):
            (self.folder / name).symlink_to(REPOSITORY / name)
        (self.folder / "config").mkdir()
        pairs = write_pairs(self.folder / "pictures", PAIRS)
        rows = [("name", "a", "b_prime")] + [
            (pair.name, *(str(Path(p).relative_to(self.folder)) for p in (pair.a, pair.b_prime)))
            for pair in pairs
        ]
        table = "".join("\t".join(row) + "\n" for row in rows)
        (self.folder / "config/pairs.tsv").write_text(table)
        config = {"pairs": "config/pairs.tsv", "settings": DRAFT, **config}
        (self.folder / "config/config.yaml").write_text(yaml.safe_dump(config))

    def run(self, *command: str) -> subprocess.CompletedProcess:
        """Run a command to its end; stdout holds all it printed."""
        process = self.start(*command)
        output, _ = process.communicate(timeout=300)
        return subprocess.CompletedProcess(command, process.returncode, output)

    def start(self, *command: str) -> subprocess.Popen:
        """Start a command."""
        bin_folder = Path(sys.executable).parent
        return subprocess.Popen(
            [bin_folder / command[0], *command[1:]],
            cwd=self.folder,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    @property
    def results(self) -> Path:
        return self.folder / "results"

    def made(self) -> dict[str, bytes]:
        """All that was made of the pairs, by its path in the results."""
        return {
            name: content
            for name, content in artefacts(self.results).items()
            if name.startswith(("hierarchical", "features"))
        }

    def rewritten(self, before: dict[str, int]) -> set[str]:
        """What was written again of that which `times` has found before."""
        now = times(self.results)
        return {name for name in self.made() if name in before and now[name] != before[name]}


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
        if not name.startswith("features") and "/level" not in name
    }
