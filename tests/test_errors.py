from __future__ import annotations

import importlib
import inspect
import pkgutil
import subprocess

import pytest
import torch
from typer.testing import CliRunner

import dia_pipeline
from dia_pipeline.cli import app
from dia_pipeline.errors import (
    DiaError,
    JobError,
    describe,
    device_failed,
    is_expected,
    out_of_memory,
)


def exceptions():
    """Every exception class that a module of the package defines."""
    for module in pkgutil.walk_packages(dia_pipeline.__path__, "dia_pipeline."):
        if module.name.endswith("patchmatch.cuda"):  # needs Triton
            continue
        for _, value in inspect.getmembers(importlib.import_module(module.name), inspect.isclass):
            if issubclass(value, Exception) and value.__module__ == module.name:
                yield value


def test_every_exception_of_the_package_is_one_that_a_person_can_put_right():
    found = set(exceptions())
    assert len(found) > 10
    assert all(issubclass(each, DiaError) for each in found)


@pytest.mark.parametrize(
    ("parts", "text"),
    [
        (
            ("a.png", "the file is empty", "copy it again"),
            "a.png: the file is empty; copy it again",
        ),
        (("a.png", "the file is damaged"), "a.png: the file is damaged"),
        (("", "there is no layout 'x'", "known are y"), "there is no layout 'x'; known are y"),
    ],
)
def test_an_error_names_place_problem_and_remedy(parts, text):
    error = DiaError(*parts)
    assert str(error) == describe(error) == text
    assert (error.place, error.problem, error.remedy) == (*parts, "")[:3]


def test_what_is_expected_and_what_is_a_bug():
    memory = [MemoryError(), RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried")]
    memory.append(torch.OutOfMemoryError("CUDA out of memory."))
    memory.append(RuntimeError("CUDA error: out of memory"))
    memory.append(RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling cublasCreate"))
    memory.append(RuntimeError("cuDNN error: CUDNN_STATUS_ALLOC_FAILED"))
    for error in memory:
        assert out_of_memory(error) and is_expected(error)
        assert "max_side" in describe(error) and not device_failed(error)
    assert is_expected(JobError("", "no weights")) and is_expected(FileNotFoundError())
    for bug in (ValueError("x"), KeyError("x"), RuntimeError("shape")):
        assert not is_expected(bug)
        assert describe(bug).startswith(type(bug).__name__)


DEVICE_FAULTS = (
    RuntimeError("CUDA error: an illegal memory access was encountered\nCUDA kernel errors might"),
    RuntimeError("CUDA error: all CUDA-capable devices are busy or unavailable"),
    RuntimeError("CUDA error: CUBLAS_STATUS_NOT_INITIALIZED when calling `cublasCreate(handle)`"),
    RuntimeError("cuDNN error: CUDNN_STATUS_EXECUTION_FAILED"),
    RuntimeError("No CUDA GPUs are available"),
    RuntimeError("The NVIDIA driver on your system is too old (found version 10010)."),
    RuntimeError("Triton Error [CUDA]: an illegal memory access was encountered"),
    RuntimeError("Failed to find C compiler. Please specify via CC environment variable"),
    subprocess.CalledProcessError(1, ["gcc", "main.c"]),
)


@pytest.mark.parametrize("error", DEVICE_FAULTS, ids=str)
def test_a_device_at_fault_is_told_from_a_bug(error):
    assert device_failed(error) and is_expected(error) and not out_of_memory(error)
    assert "the device is at fault" in describe(error) and "\n" not in describe(error)


@pytest.mark.parametrize("content", [bytes(range(256)) * 8, b"PK\x03\x04" + bytes(99), b""])
def test_weights_that_are_no_weights_are_one_clear_line(tmp_path, monkeypatch, content):
    weights = tmp_path / "weights.pth"
    weights.write_bytes(content)
    monkeypatch.setenv("DIA_VGG19", str(weights))
    monkeypatch.chdir(tmp_path)
    from examples import draw_image

    a, b_prime = (draw_image(tmp_path / f"{n}.png", n) for n in (1, 2))
    result = CliRunner().invoke(app, ["run", a, b_prime, "-o", "out", "--quality", "draft"])
    assert result.exit_code == 2, result.output
    assert f"error: {weights}: this is not the parameter file of VGG-19" in result.output
    assert "put vgg19-dcbb9e9d.pth in its place" in result.output
