"""Devices that are only pretended. Tensors of one lie in the memory of the CPU and say otherwise.

Code that is meant for a GPU runs on it as on the CPU and is checked as a GPU would check it: what
mixes it with the CPU, or asks it for float64, which Apple's GPUs lack, raises. What makes the CPU
wait for the device is counted. Tensors say they are on torch's device `meta`, as autograd works
for that without a GPU.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import torch
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves, tree_map

from dia_pipeline.algorithm import coarse_to_fine, features
from dia_pipeline.machine import sharing

DEVICE = torch.device("meta")

COPIES = {"_to_copy", "copy_"}
INDEXING = {"index", "index_put_"}
READS = {"_local_scalar_dense", "nonzero", "masked_select", "equal", "_unique2"}
"""Operations whose result the CPU needs before it goes on."""


class DeviceError(RuntimeError):
    """What a GPU would refuse."""


class OnDevice(torch.Tensor):
    """A tensor of the CPU, `held`, that says it is on the device."""

    held: torch.Tensor

    @staticmethod
    def __new__(cls, held: torch.Tensor) -> OnDevice:
        if held.dtype == torch.float64:
            raise DeviceError("the device has no float64")
        layout = {"strides": held.stride(), "storage_offset": held.storage_offset()}
        shown = torch.Tensor._make_wrapper_subclass(
            cls, held.shape, dtype=held.dtype, device=DEVICE, **layout
        )
        shown.held = held
        return shown

    @classmethod
    def __torch_dispatch__(cls, function, types, args=(), kwargs=None):
        raise DeviceError("a tensor has left the context of its device")


@contextmanager
def pretended_device() -> Iterator[Counter[str]]:
    """In this context `DEVICE` is a GPU; gives the waits for it by the name of the operation."""
    waits: Counter[str] = Counter()
    with _Sent(), _Checked(waits):
        yield waits


class _Sent(TorchFunctionMode):
    """Torch makes no values for `meta`: they are made on the CPU and sent."""

    def __torch_function__(self, function, types, args=(), kwargs=None):
        kwargs = dict(kwargs or {})
        if function is torch.tensor and torch.device(kwargs.get("device") or "cpu") == DEVICE:
            del kwargs["device"]
            return torch.tensor(*args, **kwargs).to(DEVICE)
        if function in (torch.Tensor.__getitem__, torch.Tensor.__setitem__):
            args = args[0], _without_lists(args[1]), *args[2:]
        return function(*args, **kwargs)


def _without_lists(index):
    """An index whose lists are tensors of the CPU."""
    if isinstance(index, tuple):
        return tuple(map(_without_lists, index))
    return torch.tensor(index) if isinstance(index, list) else index


class _Checked(TorchDispatchMode):
    def __init__(self, waits: Counter[str]) -> None:
        super().__init__()
        self._waits = waits

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        kwargs = dict(kwargs or {})
        name = function.overloadpacket.__name__
        tensors = [v for v in tree_leaves((args, kwargs)) if isinstance(v, torch.Tensor)]
        from_device = any(isinstance(value, OnDevice) for value in tensors)
        goal = kwargs.get("device")
        to_device = from_device if goal is None else torch.device(goal) == DEVICE
        if not (from_device or to_device):
            return function(*args, **kwargs)
        if name == "copy_":
            to_device = isinstance(args[0], OnDevice)
        self._check(name, args, tensors, to_device, kwargs.get("non_blocking", False))
        on_cpu = {**kwargs, "device": torch.device("cpu")} if goal is not None else kwargs
        result = function(*tree_map(_held, args), **tree_map(_held, on_cpu))
        if not to_device:
            return result
        return tree_map(lambda v: OnDevice(v) if isinstance(v, torch.Tensor) else v, result)

    def _check(self, name, args, tensors, to_device: bool, non_blocking: bool) -> None:
        across = [value for value in tensors if isinstance(value, OnDevice) != to_device]
        waits = name in READS
        if name in INDEXING and isinstance(args[0], OnDevice):
            indices = [value for value in args[1] if value is not None]
            waits = any(v.device != DEVICE or v.dtype == torch.bool for v in indices)
            across = [value for value in args[2:3] if not isinstance(value, OnDevice)]
        elif name in COPIES:
            waits = bool(across) and not (to_device and non_blocking)
            across = []
        if any(value.dim() for value in across):
            raise DeviceError(f"{name} of tensors on the device and on the CPU")
        if waits:
            self._waits[name] += 1


def _held(value):
    return value.held if isinstance(value, OnDevice) else value


CUDA = torch.device("cuda")


class SharedGpu:
    """The memory of a GPU of 10 GB as torch tells it, and the clock by which others give it back.

    Args:
        held: bytes that others hold at first, then after each wait; the last ones stay.

    Attributes:
        ours: bytes that torch keeps for this process.
        emptied: how often its cache was.
        seconds: for how long it was waited.
    """

    def __init__(self, patch: pytest.MonkeyPatch, *held: float):
        self.held, self.ours, self.emptied, self.seconds = list(held), 0.0, 0, 0.0
        patch.setattr(torch.cuda, "mem_get_info", lambda gpu: (self._free(), 10e9))
        patch.setattr(torch.cuda, "memory_reserved", lambda gpu: self.ours)
        patch.setattr(torch.cuda, "empty_cache", self._empty)
        patch.setattr(sharing, "time", self)

    def taken(self, patch: pytest.MonkeyPatch) -> None:
        """Let all that is worked on a network's device ask for this memory."""
        for module in (coarse_to_fine, features):
            patch.setattr(module, "with_memory", self._with_memory)

    def _with_memory(self, work, wanted, device):
        return sharing.with_memory(work, wanted, CUDA)

    def _free(self) -> float:
        return 10e9 - self.held[0] - self.ours

    def _empty(self) -> None:
        self.emptied += 1
        self.ours = 0.0

    def monotonic(self) -> float:
        return self.seconds

    def sleep(self, seconds: float) -> None:
        self.seconds += seconds
        del self.held[: len(self.held) > 1]
