"""Measurements. Nothing here is a test: no figure is asserted."""

import dia_pipeline  # noqa: F401, before torch: it says how threads wait for each other
