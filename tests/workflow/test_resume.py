"""The same command goes on, however the one before ended: as a person types it, in a terminal.

What comes after that end, to look at what is left, is warm.
"""

from __future__ import annotations

import json
import os
import pty
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path

import pytest
import warm
import yaml
from calls import RESULTS, ROOT, run_whole, snakemake
from examples import DRAFT, artefacts, write_pairs

COMMAND = [sys.executable, "-m", "snakemake", "--cores", "2"]

pytestmark = pytest.mark.slow


@pytest.fixture
def checkout(tmp_path, monkeypatch):
    """A checkout with two pairs, without any option on the command line."""
    check_out(tmp_path, monkeypatch)


def check_out(place: Path, patch: pytest.MonkeyPatch) -> None:
    for name in ("workflow", "profiles", "config"):
        shutil.copytree(ROOT / name, place / name)
    shutil.copy(ROOT / "Snakefile", place)
    patch.chdir(place)
    pairs = write_pairs(Path("images"), 2)
    rows = [["name", "a", "b_prime"], *([pair.name, pair.a, pair.b_prime] for pair in pairs)]
    Path("config/pairs.tsv").write_text("".join("\t".join(row) + "\n" for row in rows))
    Path("config/config.yaml").write_text(
        yaml.safe_dump(
            {
                "pairs": "config/pairs.tsv",
                "settings": DRAFT,
                "pairs_per_job": 2,
                "checkpoint": "pair",
            }
        )
    )


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A checkout in which all is made."""
    place = tmp_path_factory.mktemp("finished")
    with pytest.MonkeyPatch.context() as patch:
        check_out(place, patch)
        assert subprocess.run(COMMAND, capture_output=True).returncode == 0
    return place


@pytest.fixture
def finished(run, tmp_path, monkeypatch):
    """A copy of it, with the times of all files."""
    shutil.copytree(run, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)


@pytest.fixture(scope="module")
def expected(tmp_path_factory):
    """What a run that is never disturbed makes of the two pairs."""
    from examples import make_plan, work

    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path_factory.mktemp("expected"))
        work(make_plan(RESULTS, write_pairs(Path("images"), 2), pairs_per_job=2, checkpoint="pair"))
        return artefacts(RESULTS / "hierarchical")


class Terminal:
    """Snakemake in the foreground of a terminal of its own."""

    def __init__(self, environment: dict[str, str] | None = None):
        self.keyboard, terminal = pty.openpty()
        self.process = subprocess.Popen(
            COMMAND,
            env=environment,
            stdin=terminal,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            preexec_fn=partial(self._log_in, terminal),
        )
        os.close(terminal)

    def _log_in(self, terminal: int) -> None:
        os.login_tty(terminal)
        # What ran the tests in the background may have had them ignore these.
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        signal.signal(signal.SIGHUP, signal.SIG_DFL)

    def wait_for(self, path: Path) -> None:
        deadline = time.monotonic() + 600
        while not path.exists() and time.monotonic() < deadline:
            time.sleep(0.02)
        assert path.exists() and self.process.poll() is None

    def end(self, how: Callable[[Terminal], object]) -> None:
        """End it as a person does, who tries again if nothing happens."""
        for _ in range(6):
            how(self)
            with suppress(subprocess.TimeoutExpired):
                self.process.wait(30)
                break
        assert self.process.poll() is not None
        os.close(self.keyboard)


ENDS: dict[str, Callable[[Terminal], object]] = {
    "Ctrl-C": lambda terminal: os.write(terminal.keyboard, b"\x03"),
    "SIGTERM": lambda terminal: terminal.process.terminate(),
    "SIGKILL": lambda terminal: terminal.process.kill(),
    "SIGKILL of all": lambda terminal: os.killpg(terminal.process.pid, signal.SIGKILL),
    "the terminal closed": lambda terminal: os.killpg(terminal.process.pid, signal.SIGHUP),
}


@pytest.mark.parametrize("end", ENDS)
def test_the_same_command_goes_on(checkout, expected, end):
    terminal = Terminal()
    terminal.wait_for(RESULTS / "hierarchical/pair1/nnf.h5")
    terminal.end(ENDS[end])
    assert not (RESULTS / "summary.json").exists() or end == "SIGTERM"
    run_whole()
    assert artefacts(RESULTS / "hierarchical") == expected


def test_beside_a_run_a_dry_run_may_look_on_and_another_run_is_refused_in_words(checkout):
    terminal = Terminal(warm.environment())
    terminal.wait_for(RESULTS / "hierarchical/pair1/nnf.h5")
    terminal.process.send_signal(signal.SIGSTOP)  # else it may end before the others look
    run_whole("--dry-run")
    status, said = snakemake()
    terminal.process.send_signal(signal.SIGCONT)
    assert status != 0 and "another run is at work" in said
    assert terminal.process.wait(600) == 0
    assert (RESULTS / "summary.json").exists()


def test_an_older_file_in_the_place_of_an_input_is_noticed(finished):
    """As `cp -p` leaves it: neither the file nor its folder says that it is new."""

    def digest() -> str:
        provenance = json.loads((RESULTS / "hierarchical/pair1/provenance.json").read_text())
        return provenance["inputs"]["a"]["sha256"]

    before = digest()
    shutil.copy("images/a2.png", "older.png")
    os.utime("older.png", (10**9, 10**9))
    shutil.copy2("older.png", "images/a1.png")
    run_whole()
    assert digest() != before
    assert "Nothing to be done" in run_whole()


@pytest.mark.parametrize("name", ["plan", "receipt", "weights", "provenance"])
def test_files_of_state_that_are_damaged_are_made_again(finished, expected, name):
    places = {
        "plan": "plans/*.json",
        "receipt": "receipts/pair/hierarchical/0001.json",
        "weights": "weights/*.json",
        "provenance": "hierarchical/pair1/provenance.json",
    }
    for path in RESULTS.glob(places[name]):
        path.write_text("[]" if name == "provenance" else path.read_text()[:40])
    first = warm.call("dia", "verify")
    assert first.returncode in (1, 2) and "Traceback" not in first.stdout
    run_whole()
    assert artefacts(RESULTS / "hierarchical") == expected
    assert warm.call("dia", "verify").returncode == 0
