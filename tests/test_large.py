"""Images as large as cameras make them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from dia_pipeline.io.images import read_image
from dia_pipeline.samples.photographs import photograph
from dia_pipeline.samples.styles import night

# A child counts as its own what the process had that started it; so a small one starts the command.
MEASURED = """
import resource, subprocess, sys
subprocess.run(sys.argv[1:], check=True)
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
"""


@pytest.mark.slow
def test_six_megapixels_stay_under_a_gigabyte_and_a_half(tmp_path):
    """So 24 stay under six: what memory they take grows with the pixels, and no faster.

    Processed at max_side, put out at full size, refined: the most there is to take.
    """
    day = photograph("china")
    Image.fromarray(day).resize((3000, 2000)).save(tmp_path / "a.jpg")
    Image.fromarray(night(day)).save(tmp_path / "b_prime.jpg")
    dia = str(Path(sys.executable).with_name("dia"))
    command = [dia, "run", "a.jpg", "b_prime.jpg", "-o", "out"]
    options = ["--preset", "photo-to-photo", "--quality", "draft", "--backbone", "vgg16"]
    options += ["--max-side", "256"]
    measured = [sys.executable, "-c", MEASURED, *command, *options]
    shown = subprocess.run(measured, cwd=tmp_path, check=True, stdout=subprocess.PIPE)
    assert int(shown.stdout.split()[-1]) * 1024 < 1.5e9
    for name in ("a_prime", "a_prime_everything"):
        assert read_image(tmp_path / "out" / f"{name}.png").shape == (2000, 3000, 3)
    assert read_image(tmp_path / "out" / "b.png").shape == day.shape
