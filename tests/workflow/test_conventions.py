"""The workflow as Snakemake's linter, and its catalog of workflows, want one."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import warm
import yaml
from examples import write_pairs

ROOT = Path(__file__).parents[2]

WITHOUT_LOG = {"weights", "synthetic", "summary", "compare", "result"}
"""Rules that run where Snakemake does: what they say is for the person who started it."""


@pytest.fixture
def linted(tmp_path, monkeypatch):
    """What the linter says where all rules are in use, those of an ablation too."""
    monkeypatch.chdir(tmp_path)
    (pair,) = write_pairs(Path("images"), 1)
    Path("config").mkdir()
    Path("config/pairs.tsv").write_text(f"name\ta\tb_prime\none\t{pair.a}\t{pair.b_prime}\n")
    Path("config/sequences.tsv").write_text("name\ta\tb_prime\n")
    for name, more in (("config", {"sequences": "config/sequences.tsv"}), ("ablation", {})):
        config = {"pairs": "config/pairs.tsv", "synthetic": {}, "results": f"results/{name}"}
        Path(f"config/{name}.yaml").write_text(yaml.safe_dump(config | more))
    return warm.call("snakemake", "--snakefile", str(ROOT / "Snakefile"), "--lint").stdout


def test_the_linter_finds_nothing_but_the_logs_that_are_left_out_on_purpose(linted):
    found = set()
    for part in re.split(r"^Lints for ", linted, flags=re.MULTILINE)[1:]:
        where = re.match(r"rule (?:ablation_)?(\w+) |snakefile (.*):", part)
        for fault in re.findall(r"^    \* (.*)", part, re.MULTILINE):
            found.add((where[1] or where[2], fault))
    assert found == {(rule, "No log directive defined:") for rule in WITHOUT_LOG}


def test_the_catalog_finds_what_it_looks_for():
    usage = yaml.safe_load((ROOT / ".snakemake-workflow-catalog.yml").read_text())["usage"]
    assert usage["report"] is True
    snakefile = (ROOT / "workflow" / "Snakefile").read_text()
    assert 'report: "report/workflow.rst"' in snakefile
    assert usage["software-stack-deployment"] == {"conda": True, "apptainer": True}
    assert 'container: "dia.sif"' in snakefile
    for name in ("README.md", "LICENSE", "config/README.md", "config/config.yaml"):
        assert (ROOT / name).is_file()


def test_every_rule_that_runs_a_command_names_the_environment():
    for path in (ROOT / "workflow" / "rules").glob("*.smk"):
        text = path.read_text()
        assert text.count("shell:") == text.count("conda:\n") == text.count('"../envs/dia.yaml"')
