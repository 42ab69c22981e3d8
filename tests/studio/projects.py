"""The table of the project that the tests of the studio open, and what is drawn there."""

from __future__ import annotations

from io import BytesIO

import numpy as np
from PIL import Image

TABLE = (
    "# Mine.\r\n"
    "name\tpreset\ta\tb_prime\tkinds\r\n"
    "first\t\timages/a.png\timages/b.png\t x, y \r\n"
    "\r\n"
    "second\tphoto-to-photo\timages/a.png\timages/b.png\r\n"
)

ROW = [13.0, 15.5, 6.0, 14.0, None]
"""A point of the pair."""


def png(height: int = 48, width: int = 64, level: int = 200) -> bytes:
    """A grey image."""
    content = BytesIO()
    Image.fromarray(np.full((height, width, 3), level, np.uint8)).save(content, "PNG")
    return content.getvalue()
