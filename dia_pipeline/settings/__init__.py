"""The settings of an image pair: `settings` declares each once, `declarations` says what one is.

From the declarations come validation, the JSON Schema of configuration and tables, the options of
`dia run` with their help, the keys of what is made, and the table of `python -m
dia_pipeline.settings`, which is that of config/README.md.
"""

from dia_pipeline.settings.declarations import NO_STEP, Setting, SettingsError, Shorthand, Step
from dia_pipeline.settings.resolving import in_effect, options, resolve, schema, stands_for, table
from dia_pipeline.settings.settings import (
    COARSE,
    FEATURE_MATCHERS,
    HOPELESS,
    LEVELS,
    MATCHERS,
    OCTAVES,
    PATCH,
    RADIUS,
    SOUND,
    Settings,
    declared,
)
from dia_pipeline.settings.shorthands import SHORTHANDS

__all__ = [
    "COARSE",
    "FEATURE_MATCHERS",
    "HOPELESS",
    "LEVELS",
    "MATCHERS",
    "NO_STEP",
    "OCTAVES",
    "PATCH",
    "RADIUS",
    "SHORTHANDS",
    "SOUND",
    "Setting",
    "Settings",
    "SettingsError",
    "Shorthand",
    "Step",
    "declared",
    "in_effect",
    "options",
    "resolve",
    "schema",
    "stands_for",
    "table",
]
