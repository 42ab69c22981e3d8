"""The command `dia`: one file a panel of its `--help`.

Every command imports what it needs itself, so that `dia --help` answers at once.
"""

from dia_pipeline.cli import pairs  # isort: skip  (the panels come in this order)
from dia_pipeline.cli import sequences  # isort: skip
from dia_pipeline.cli import comparisons, elsewhere, guides, runs, stages, studio
from dia_pipeline.cli.app import app

__all__ = [
    "app",
    "comparisons",
    "elsewhere",
    "guides",
    "pairs",
    "runs",
    "sequences",
    "stages",
    "studio",
]
