"""A project that is open in the studio: its plan, what is drawn over the images of its pairs, and
what is set for them.

All paths are seen from the working directory, which is that of the project.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from dia_pipeline.errors import DiaError
from dia_pipeline.guides import DRAWN, LABELS, check_guides, check_shape
from dia_pipeline.io.cells import cell_of_path
from dia_pipeline.io.documents import read_yaml
from dia_pipeline.io.files import digest_file, write_file
from dia_pipeline.io.images import image_size, read_image
from dia_pipeline.io.points import rows_of, unit_points, write_points
from dia_pipeline.io.reading import read_file
from dia_pipeline.runs.config import TABLES, check_row, load_config
from dia_pipeline.runs.pair import Pair
from dia_pipeline.runs.plan import Plan
from dia_pipeline.settings.declarations import Setting, written
from dia_pipeline.store.artefacts import digest
from dia_pipeline.studio.panel import usual
from dia_pipeline.studio.table import set_cells

CONFIG = "config/config.yaml"
"""The configuration of a project, of which the one of `--configfile` changes fields."""

GUIDES_FOLDER = Path("guides")
"""The folder of the project in which what is drawn lies, in a folder a pair."""

MAX_SIDE = 4096
"""Pixels of the longest side of what is drawn at most."""

NO_VERSION = "none"
"""The version of a guide that is not there, and of a setting that the table does not give."""


class StudioError(DiaError):
    """Something cannot be opened, or not be changed; the message says why."""


class UnknownError(StudioError):
    """There is no such pair, variant, guide or setting."""


class ConflictError(StudioError):
    """What is to be replaced is not what was seen: somebody else has changed it."""


class Project:
    """The project of the working directory.

    Args:
        configfile: as Snakemake's `--configfile`, empty if there is none.
    """

    def __init__(self, configfile: str = ""):
        self.configfile = configfile
        self._seen: tuple[Any, Plan] | None = None
        self._writing = threading.Lock()

    @property
    def plan(self) -> Plan:
        """The plan of the configuration and the tables as they are now.

        Raises:
            StudioError, ConfigError: they cannot be read, or anything is wrong with them.
        """
        values = self._values()
        tables = [values.get(kind, "") for kind in TABLES]
        now = values, [_signature(table) for table in tables if isinstance(table, str)]
        if self._seen is None or self._seen[0] != now:
            self._seen = now, Plan(load_config(values, source=self.configfile or CONFIG))
        return self._seen[1]

    @property
    def table(self) -> Path:
        """The table of pairs."""
        return Path(self._values().get("pairs", TABLES["pairs"]))

    def _values(self) -> dict[str, Any]:
        """The configuration as Snakemake sees it."""
        files = [name for name in (CONFIG, self.configfile) if name]
        values: dict[str, Any] = {}
        for name in files:
            if name == CONFIG and self.configfile and not Path(name).exists():
                continue
            try:
                read = read_yaml(Path(name))
            except Exception as error:  # YAML's own kinds of error, and those of files
                raise StudioError(name, f"it cannot be read ({error})", "check it") from error
            values = _merged(values, read if isinstance(read, dict) else {})
        return values

    def pair(self, name: str) -> Pair:
        """The pair of a name.

        Raises:
            UnknownError: there is none.
        """
        found = next((pair for pair in self.plan.config.pairs if pair.name == name), None)
        if found is None:
            raise UnknownError(name, "there is no such pair", "see the table of pairs")
        return found

    def file_of(self, pair: Pair, guide: str) -> Path | None:
        """The file of a guide: the one that the table names, or one drawn and not named yet."""
        named = pair.guides.get(guide)
        own = own_file(pair, guide)
        return Path(named) if named else own if own.exists() else None

    def version(self, pair: Pair, column: str) -> str:
        """What tells the content of a guide, or the value of a setting, from any other."""
        if column not in DRAWN:
            return digest(pair.options[column]) if column in pair.options else NO_VERSION
        path = self.file_of(pair, column)
        return digest_file(path) if path else NO_VERSION

    def points(self, pair: Pair) -> list[list[float | None]]:
        """The points of a pair: x and y in A and in B' in pixels, and the radius, None by default.

        Raises:
            PointsError, OSError: their table cannot be read.
        """
        path = self.file_of(pair, "points")
        rows: Iterable[Any] = rows_of(read_file(path), path) if path else ()
        return [[None if cell != cell else float(cell) for cell in row] for row in rows]

    def image(self, pair: Pair, guide: str) -> bytes:
        """What is drawn over an image, as PNG.

        Raises:
            UnknownError: nothing is.
            ImageError: it cannot be read.
        """
        path = self.file_of(pair, guide)
        if path is None:
            raise UnknownError(guide, "nothing is drawn")
        png = BytesIO()
        Image.fromarray(read_image(path)).save(png, "PNG")
        return png.getvalue()

    def save(self, name: str, guide: str, content: Any, version: str) -> str:
        """Keep what was drawn, as a file of the project that its table of pairs names.

        A guide of another place, which the table named before, stays as it is.

        Args:
            content: rows of points as `points` gives them, or a PNG; empty to remove the guide.
            version: of what it replaces.

        Returns:
            The new version.

        Raises:
            UnknownError: there is no such pair.
            ConflictError: the guide has another version by now.
            GuidanceError, PointsError, ImageError, StudioError: this is no such guide of the pair.
        """
        with self._writing:
            pair = self._unchanged(name, guide, version)
            own = own_file(pair, guide)
            together = LABELS if guide in LABELS else (guide,)
            check_guides(together, references=bool(pair.references))
            if not content:
                set_cells(self.table, name, dict.fromkeys(together, ""))
                own.unlink(missing_ok=True)
                return NO_VERSION
            _write(own, pair, guide, content)
            self._name(pair, guide)
            return digest_file(own)

    def save_setting(self, name: str, setting: str, text: str, version: str) -> str:
        """Set a setting of a pair, in the column of that name of the table of pairs.

        Args:
            text: the value as it is written in a table; empty for that of all pairs.
            version: of what it replaces.

        Returns:
            The new version.

        Raises:
            UnknownError: there is no such pair or setting.
            ConflictError: the setting has another value by now.
            SettingsError, MatcherError: the value is not possible, or not with the other settings.
            EditError: the table has no row of the pair.
        """
        declared, text = setting_of(setting), text.strip()
        with self._writing:
            pair = self._unchanged(name, setting, version)
            options = {each: value for each, value in pair.options.items() if each != setting}
            if text:
                options[setting] = declared.parse(text)
                declared.check(options[setting])
            changed, config = replace(pair, options=options), self.plan.config
            for variant in config.variants:
                check_row(config, variant, changed)
            set_cells(self.table, name, {setting: written(options[setting]) if text else ""})
            return self.version(changed, setting)

    def _unchanged(self, name: str, column: str, version: str) -> Pair:
        """The pair of a name, of which a guide or setting has this version."""
        pair = self.pair(name)
        if self.version(pair, column) != version:
            problem = "it was changed elsewhere meanwhile"
            raise ConflictError(column, problem, "what is there now is shown; change it again")
        return pair

    def settle(self, name: str) -> None:
        """Have the table name what was drawn before the server was killed, and not named yet."""
        with self._writing:
            self._name(self.pair(name))

    def _name(self, pair: Pair, saved: str = "") -> None:
        """Have the table name what is drawn: what was just saved, and else where it names nothing.

        Labels are named once there are both.
        """
        own = {guide: own_file(pair, guide) for guide in DRAWN}
        drawn = {guide: path for guide, path in own.items() if path.exists()}
        if len({*drawn, *pair.guides}.intersection(LABELS)) == 1:
            drawn = {guide: path for guide, path in drawn.items() if guide not in LABELS}
        cells = {
            guide: cell_of_path(str(path))
            for guide, path in drawn.items()
            if guide == saved or guide not in pair.guides
        }
        set_cells(self.table, pair.name, cells)


def setting_of(name: str) -> Setting:
    """The setting of a name, of those that the page of a pair shows.

    Raises:
        UnknownError: there is none.
    """
    if name not in usual():
        raise UnknownError(name, "there is no such setting", f"known are {', '.join(usual())}")
    return usual()[name]


def own_file(pair: Pair, guide: str) -> Path:
    """Where a guide that is drawn lies."""
    if guide not in DRAWN:
        raise UnknownError(guide, "there is no such guide", f"known are {', '.join(DRAWN)}")
    suffix = ".png" if DRAWN[guide].over else ".csv"
    return GUIDES_FOLDER / pair.name / f"{guide}{suffix}"


def sizes(pair: Pair) -> dict[str, tuple[int, int]]:
    """Height and width of `a` and `b_prime`.

    Raises:
        StudioError: an image does not tell.
    """
    found = {"a": image_size(pair.a), "b_prime": image_size(pair.b_prime)}
    for image, size in found.items():
        if not all(size):
            raise StudioError(getattr(pair, image), "this is no image that can be read")
    return found


def _write(path: Path, pair: Pair, guide: str, content: Any) -> None:
    shapes = sizes(pair)
    over = DRAWN[guide].over
    if over:
        check_shape(guide, _decoded(content, guide), shapes[over])
        write_file(path, content)
        return
    unit_points(content, shapes["a"], shapes["b_prime"])
    write_points(path, _array(content))


def _array(rows: Any) -> np.ndarray:
    """Points (N, 5) float64, NaN where no radius is given."""
    return np.array([[np.nan if cell is None else cell for cell in row] for row in rows], float)


def _decoded(content: bytes, guide: str) -> tuple[int, ...]:
    """The shape of a PNG that is whole and not too large."""
    try:
        with Image.open(BytesIO(content), formats=["PNG"]) as image:
            size = image.size
    except Exception as error:  # decoders raise many kinds
        raise StudioError(guide, "this is no PNG", "draw it again") from error
    if max(size) > MAX_SIDE:
        raise StudioError(guide, f"it is {size[0]}x{size[1]}", f"draw {MAX_SIDE} pixels at most")
    return read_image(content, guide).shape


def _merged(values: Mapping[str, Any], others: Mapping[str, Any]) -> dict[str, Any]:
    """Fields of two configurations, the second the stronger, as Snakemake lays them together."""
    both = {k: (values[k], others[k]) for k in values.keys() & others.keys()}
    nested = {
        name: _merged(*pair)
        for name, pair in both.items()
        if all(isinstance(each, Mapping) for each in pair)
    }
    return {**values, **others, **nested}


def _signature(path: str) -> tuple[int, ...]:
    """What shows that a file was changed; nothing where there is none."""
    try:
        about = Path(path).stat()
    except OSError:
        return ()
    return about.st_mtime_ns, about.st_size, about.st_ino
