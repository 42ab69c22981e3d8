"""The CUDA kernels without CUDA: run by Triton's interpreter, and compiled for a GPU."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

triton = pytest.importorskip("triton")

INTERPRETED = """
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
arguments = maps, start, radii(radius), JUMPS, 2, 2**34 + 5, float(sys.argv[1])
field, energy = cuda.search(*arguments)
expected, expected_energy = reference.search(*arguments)
assert (start != expected).any(dim=-1).float().mean() > 0.5
assert field.dtype == expected.dtype and torch.equal(field, expected)
torch.testing.assert_close(energy, expected_energy, rtol=0, atol=1e-5)
energies = (each.energy(maps, start) for each in (cuda, reference))
torch.testing.assert_close(*energies, rtol=0, atol=1e-5)
turned = [value.transpose(0, 1).contiguous().transpose(0, 1) for value in (source, target, start)]
again, _ = cuda.search(Maps(*turned[:2], patch), turned[2], *arguments[2:])
assert not any(value.is_contiguous() for value in turned) and torch.equal(again, expected)
"""


@pytest.mark.parametrize("arguments", ["0 3 9 9 11 12 7", "0 5 2 11 8 6 13", "0.05 3 5 9 11 12 7"])
def test_the_kernels_give_the_field_of_the_reference(arguments):
    folder = Path(__file__).parent
    paths = os.pathsep.join((str(folder), str(folder.parents[1])))
    environment = os.environ | {"TRITON_INTERPRET": "1", "PYTHONPATH": paths}
    command = [sys.executable, "-c", INTERPRETED, *arguments.split()]
    subprocess.run(command, env=environment, check=True)


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
    """Compiled for an A100 and an H100 as a call would: what a GPU keeps elsewhere is slow."""
    from triton.backends.compiler import GPUTarget
    from triton.compiler import ASTSource

    from dia_pipeline.algorithm.patchmatch import cuda

    monkeypatch.setenv("TRITON_CACHE_DIR", str(tmp_path))
    signature = {"maps": MAPS, **KERNELS[name], "sizes": "constexpr"}
    sizes = {(len(signature) - 1,): (depth, radius, cuda.BLOCK, cuda.CHANNELS)}
    arrays = [(0, 0), (0, 1)]
    arrays += [(n,) for n, kind in enumerate(signature.values()) if kind[0] == "*"]
    source = ASTSource(getattr(cuda, name), signature, sizes, dict.fromkeys(arrays, ALIGNED))
    compiled = triton.compile(source, target=GPUTarget("cuda", capability, 32))
    used = resources(compiled.asm["cubin"], tmp_path)
    assert 0 < used["REG"] < 255 and used["STACK"] == used["LOCAL"] == 0


def resources(binary: bytes, folder: Path) -> dict[str, int]:
    """What a kernel takes of each resource, in registers a thread and in bytes."""
    (folder / "kernel.cubin").write_bytes(binary)
    tool = Path(triton.__file__).parent / "backends" / "nvidia" / "bin" / "cuobjdump"
    command = [tool, "-res-usage", folder / "kernel.cubin"]
    listed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    return {name: int(number) for name, number in re.findall(r"(\w+):(\d+)", listed)}
