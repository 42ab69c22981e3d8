"""The CUDA kernels without CUDA: run by Triton's interpreter, and compiled for a GPU."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

triton = pytest.importorskip("triton")

SEARCHED = """
import sys
import torch
from dia_pipeline.algorithm.patchmatch import cuda
from dia_pipeline.algorithm.patchmatch import reference
from dia_pipeline.algorithm.nnf import uniform
from dia_pipeline.algorithm.patchmatch import JUMPS, Maps, radii
from test_patchmatch import smooth_maps

cuda.BLOCK, cuda.CHANNELS = 64, 16
patch, radius, *sides = map(int, sys.argv[2:])
shape, target_shape = sides[:2], sides[2:]
source, target = smooth_maps(shape, target_shape, channels=12)
start = uniform(shape, target_shape, seed=3)
maps = Maps(source, target, patch)
others = 2**34 + 5, float(sys.argv[1])
arguments = maps, start, radii(radius), JUMPS, 2, *others
field, energy = cuda.search(*arguments)
expected, expected_energy = reference.search(*arguments)
assert (start != expected).any(dim=-1).float().mean() > 0.5
assert field.dtype == expected.dtype and torch.equal(field, expected)
torch.testing.assert_close(energy, expected_energy, rtol=0, atol=1e-5)
energies = (each.energy(maps, start) for each in (cuda, reference))
torch.testing.assert_close(*energies, rtol=0, atol=1e-5)

# However they lie in memory. A pass of each kind reads them all.
turned = [value.transpose(0, 1).contiguous().transpose(0, 1) for value in (source, target, start)]
passes = (1,), (1,), 1, *others
again, _ = cuda.search(Maps(*turned[:2], patch), turned[2], *passes)
expected, _ = reference.search(maps, start, *passes)
assert not any(value.is_contiguous() for value in turned) and torch.equal(again, expected)
"""


VOTED = """
import sys
import torch
from dia_pipeline.algorithm.nnf import uniform
from dia_pipeline.algorithm.voting import cuda, vote_in_bands

for case in ([1, 12, 7, 9, 8, 6], [2, 5, 1, 17, 3, 3], [1, 130, 6, 6, 1, 2], [0, 3, 9, 2, 4, 4]):
    radius, depth, *sides = case
    source, nnf = torch.rand(*sides[2:], depth), uniform(sides[:2], sides[2:], seed=3)
    expected = vote_in_bands(source, nnf, radius)
    assert torch.equal(cuda.vote(source, nnf, radius), expected), case
    turned = nnf.transpose(0, 1).contiguous().transpose(0, 1)
    assert torch.equal(cuda.vote(source, turned, radius), expected), case
"""


def interpret(code: str, *arguments: str) -> None:
    """Run code with Triton's interpreter."""
    folder = Path(__file__).parent
    paths = os.pathsep.join((str(folder), str(folder.parents[1])))
    environment = os.environ | {"TRITON_INTERPRET": "1", "PYTHONPATH": paths}
    subprocess.run([sys.executable, "-c", code, *arguments], env=environment, check=True)


@pytest.mark.parametrize(
    "arguments",
    [
        "0.05 3 5 9 11 12 7",
        pytest.param("0 3 9 9 11 12 7", marks=pytest.mark.slow),
        pytest.param("0 5 2 11 8 6 13", marks=pytest.mark.slow),
    ],
)
def test_the_kernels_give_the_field_of_the_reference(arguments):
    interpret(SEARCHED, *arguments.split())


def test_the_votes_are_those_of_the_reference():
    interpret(VOTED)


MAPS = ("*fp32", "*fp32", "i32", "i32", "i32", "i32", "fp32")
FIELD = {"field": "*i32", "best": "*fp32"}
KERNELS = {
    "_evaluate": FIELD,
    "_propagate": {**FIELD, "new_field": "*i32", "new_best": "*fp32", "jump": "i32"},
    "_search_randomly": {"before": "*i32", **FIELD, "window": "i32", "key": "i32"},
}


ALIGNED = [["tt.divisibility", 16]]
"""What a call says of arrays that torch allocated, so that several values are loaded at once."""


@pytest.mark.parametrize("name", KERNELS)
@pytest.mark.parametrize("capability", [80, 90])
@pytest.mark.parametrize(("depth", "radius"), [(128, 2), (256, 1)])
def test_the_kernels_of_the_fine_levels_fit_into_the_registers_of_a_gpu(
    depth, radius, capability, name, tmp_path, monkeypatch
):
    from dia_pipeline.algorithm.patchmatch import cuda

    monkeypatch.setenv("TRITON_CACHE_DIR", str(tmp_path))
    sizes = depth, radius, cuda.BLOCK, cuda.CHANNELS
    signature = {"maps": MAPS, **KERNELS[name], "sizes": "constexpr"}
    check_registers(getattr(cuda, name), signature, sizes, capability, tmp_path)


@pytest.mark.parametrize("capability", [80, 90])
@pytest.mark.parametrize(("depth", "radius"), [(64, 2), (512, 1)])
def test_voting_fits_into_the_registers_of_a_gpu(depth, radius, capability, tmp_path, monkeypatch):
    from dia_pipeline.algorithm.voting import cuda

    monkeypatch.setenv("TRITON_CACHE_DIR", str(tmp_path))
    sizes = depth, radius, cuda.BLOCK, min(depth, cuda.CHANNELS)
    signature = {"source": "*fp32", "field": "*i32", "result": "*fp32", "shapes": ("i32",) * 4}
    check_registers(cuda._vote, {**signature, "sizes": "constexpr"}, sizes, capability, tmp_path)


def check_registers(kernel, signature: dict, sizes: tuple, capability: int, folder: Path) -> None:
    """Compile for an A100 or an H100 as a call would: what a GPU keeps elsewhere is slow."""
    from triton.backends.compiler import GPUTarget
    from triton.compiler import ASTSource

    arrays = [(n,) for n, kind in enumerate(signature.values()) if kind[0] == "*"]
    tuples = [(n, kind) for n, kind in enumerate(signature.values()) if isinstance(kind, tuple)]
    arrays += [(n, m) for n, kinds in tuples for m, kind in enumerate(kinds) if kind[0] == "*"]
    constants = {(len(signature) - 1,): sizes}
    source = ASTSource(kernel, signature, constants, dict.fromkeys(arrays, ALIGNED))
    compiled = triton.compile(source, target=GPUTarget("cuda", capability, 32))
    used = resources(compiled.asm["cubin"], folder)
    assert 0 < used["REG"] < 255 and used["STACK"] == used["LOCAL"] == 0


def resources(binary: bytes, folder: Path) -> dict[str, int]:
    """What a kernel takes of each resource, in registers a thread and in bytes."""
    (folder / "kernel.cubin").write_bytes(binary)
    tool = Path(triton.__file__).parent / "backends" / "nvidia" / "bin" / "cuobjdump"
    command = [tool, "-res-usage", folder / "kernel.cubin"]
    listed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    return {name: int(number) for name, number in re.findall(r"(\w+):(\d+)", listed)}
