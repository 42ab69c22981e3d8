"""What many tests share: the real network, threads, and where random numbers begin."""

from __future__ import annotations

import os
import sys

import pytest

# Workers share the cores, so each computes with one thread, and so do the commands that it starts.
# Numba may be asked for a second one: tests ask whether that changes a byte.
os.environ.update(OMP_NUM_THREADS="1", NUMBA_NUM_THREADS="2")

import dia_pipeline.cli  # noqa: F401  before torch, whose threads it tames


class Failures:
    """Names what fails as it fails: a run of all tests takes long, and may be ended."""

    def __init__(self, terminal):
        self.terminal = terminal

    def pytest_runtest_logreport(self, report):
        if report.failed:
            crash = getattr(report.longrepr, "reprcrash", None)
            self.terminal.write_line(f"\nFAILED {report.nodeid}: {crash and crash.message}")


def pytest_collection_modifyitems(items):
    """Refuses names that hold an address: workers must agree on them, and would only by chance."""
    if moving := [item.nodeid for item in items if " at 0x" in item.nodeid]:
        raise pytest.UsageError(f"names of tests that differ from run to run: {moving}")


@pytest.hookimpl(trylast=True)
def pytest_configure(config):
    if terminal := config.pluginmanager.get_plugin("terminalreporter"):
        config.pluginmanager.register(Failures(terminal))


@pytest.fixture(autouse=True)
def same_beginning():
    """What a test draws of torch, and its threads, do not depend on the tests before it."""
    if torch := sys.modules.get("torch"):
        torch.manual_seed(0)
        torch.set_num_threads(1)
    if numba := sys.modules.get("numba"):
        numba.set_num_threads(1)


@pytest.fixture(scope="session")
def network():
    """VGG-16 with its real weights, float32 on the CPU."""
    from dia_pipeline.networks.network import Network
    from dia_pipeline.networks.weights import find_weights

    return Network(find_weights("vgg16"), "cpu", "float32")
