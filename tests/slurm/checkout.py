"""A folder in which the workflow is run as a user does it."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import yaml
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
        for name in ("Snakefile", "workflow", "profiles", "slurm", "generic"):
            (self.folder / name).symlink_to(REPOSITORY / name)
        (self.folder / "config").mkdir()
        pairs = write_pairs(self.folder / "images", PAIRS)
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
