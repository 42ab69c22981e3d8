"""pyproject.toml, requirements.lock and environment.yml name the same software."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from PIL import Image

from dia_pipeline import __version__

ROOT = Path(__file__).parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
EXTRAS = PROJECT["optional-dependencies"]
CONDA_NAMES = {
    "matplotlib": "matplotlib-base",
    "opencv-python-headless": "py-opencv",
    "torch": "pytorch",
}


def requirements(lines):
    parsed = (Requirement(line) for line in lines)
    return {canonicalize_name(requirement.name): requirement for requirement in parsed}


NEEDED = requirements(
    PROJECT["dependencies"] + EXTRAS["workflow"] + EXTRAS["slurm"] + EXTRAS["video"]
)
ALL = requirements(PROJECT["dependencies"] + [line for extra in EXTRAS.values() for line in extra])


@pytest.fixture(scope="module")
def lock():
    lines = (ROOT / "requirements.lock").read_text().splitlines()
    return requirements(line for line in lines if line and not line.startswith("#"))


@pytest.mark.parametrize("name", ALL)
def test_the_lock_satisfies_pyproject(name, lock):
    (pin,) = lock[name].specifier
    assert pin.operator == "=="
    assert ALL[name].specifier.contains(pin.version)


def test_the_lock_pins_a_torch_that_every_machine_can_install(lock):
    assert str(lock["torch"].specifier) == "==2.13.0"
    assert not [name for name in lock if name.startswith(("nvidia", "cuda"))]


@pytest.mark.parametrize("name", NEEDED)
def test_conda_installs_what_pyproject_asks_for(name):
    entries = yaml.safe_load((ROOT / "environment.yml").read_text())["dependencies"]
    conda = requirements(entry for entry in entries if not entry.startswith("python="))
    assert conda[CONDA_NAMES.get(name, name)].specifier == NEEDED[name].specifier


def test_snakemake_is_asked_for_in_the_same_version_everywhere():
    (snakefile,) = re.findall(r'min_version\("(.*)"\)', (ROOT / "workflow/Snakefile").read_text())
    assert str(NEEDED["snakemake"].specifier) == f">={snakefile}"


def test_the_environment_of_the_rules_is_this_package(lock):
    (python, _, by_pip) = yaml.safe_load((ROOT / "workflow/envs/dia.yaml").read_text())[
        "dependencies"
    ]
    assert python in yaml.safe_load((ROOT / "environment.yml").read_text())["dependencies"]
    (package,) = map(Requirement, by_pip["pip"])
    assert canonicalize_name(package.name) == PROJECT["name"]
    assert str(package.specifier) == f"=={__version__}"
    assert package.extras <= EXTRAS.keys()


def test_both_containers_install_the_lock_on_the_same_python():
    docker, apptainer = ((ROOT / name).read_text() for name in ("Dockerfile", "dia.def"))
    bases = re.findall(r"^(?:FROM|From:) (.*)$", docker + apptainer, re.MULTILINE)
    assert bases == ["python:3.11-slim"] * 2
    installed = [
        " ".join(re.search(r"pip install .*?\]\"", text, re.DOTALL)[0].replace("\\", " ").split())
        for text in (docker, apptainer)
    ]
    assert installed[0] == installed[1]
    assert "--constraint /opt/dia/requirements.lock" in installed[0]
    (extras,) = re.findall(r"\[(.*)\]", installed[0])
    assert set(extras.split(",")) <= EXTRAS.keys()


def test_importing_the_package_is_cheap():
    code = "import sys, dia_pipeline; sys.exit('torch' in sys.modules or 'numba' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT)


def test_the_algorithm_loads_beside_torch_only_what_every_pair_needs_at_once():
    code = (
        "import sys, dia_pipeline.analogy\n"
        "late = {'cv2', 'h5py', 'jsonschema', 'matplotlib', 'numba', 'scipy', 'yaml'}\n"
        "assert 'torch' in sys.modules and not late & set(sys.modules), late & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_pair_loads_nothing_that_only_checks_a_configuration_or_reads_other_images(tmp_path):
    Image.new("RGB", (8, 8)).save(tmp_path / "a.png")
    code = (
        "import sys, dia_pipeline.jobs.single\n"
        "from dia_pipeline.io.images import read_image\n"
        f"read_image({str(tmp_path / 'a.png')!r})\n"
        "late = {'jsonschema', 'yaml', 'PIL.PdfImagePlugin', 'tifffile'} & set(sys.modules)\n"
        "assert not late, late"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_importing_the_package_changes_nothing_of_the_process():
    code = (
        "import atexit, gc, os, sys\n"
        "before = dict(os.environ), gc.isenabled(), gc.get_freeze_count(), atexit._ncallbacks()\n"
        "import dia_pipeline, dia_pipeline.analogy, torch\n"
        "assert torch.get_default_dtype() == torch.float32 and torch.is_grad_enabled()\n"
        "assert os.environ == before[0] and gc.isenabled() == before[1]\n"
        "assert gc.get_freeze_count() == before[2]\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
