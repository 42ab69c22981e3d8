"""How long making the artefacts of a pair took: beside the results, whose bytes stay the same."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from dia_pipeline.store.artefacts import ArtefactError
from dia_pipeline.store.state import read_state, write_state


@dataclass(frozen=True)
class Times:
    """Seconds by the key of what was made, kept in a JSON file.

    So the time of one artefact is never taken for that of another, made with other settings.
    """

    path: Path

    @contextmanager
    def clock(self, key: str) -> Iterator[None]:
        """Note how long it takes to make the artefact of a key."""
        start = time.perf_counter()
        yield
        seconds = round(time.perf_counter() - start, 3)
        write_state(self.path, {"seconds": {**self._read(), key: seconds}})

    def total(self, keys: Iterable[str]) -> float | None:
        """The seconds of all these together; None if those of any were not noted."""
        noted, wanted = self._read(), list(keys)
        known = wanted and all(key in noted for key in wanted)
        return sum(noted[key] for key in wanted) if known else None

    def of_fields(self, at_once: Iterable[str], by_level: Iterable[str]) -> float | None:
        """The seconds that finding the fields of a pair took, by the keys of what it made."""
        seconds = self.total(at_once)
        return self.total(by_level) if seconds is None else seconds

    def _read(self) -> dict[str, float]:
        with suppress(ArtefactError):
            return read_state(
                self.path,
                lambda noted: {key: float(value) for key, value in noted["seconds"].items()},
            )
        return {}
