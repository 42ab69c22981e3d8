"""Print the table of settings: `python -m dia_pipeline.settings`."""

from dia_pipeline.settings.resolving import table

print(table())
