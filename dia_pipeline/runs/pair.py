"""A pair as its row says it: the images, and what is known of them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from dia_pipeline.guides import GUIDES, check_guides
from dia_pipeline.runs.rows import FILES, Options
from dia_pipeline.settings import FEATURE_MATCHERS, Settings
from dia_pipeline.settings.declarations import SettingsError


@dataclass(frozen=True)
class Pair:
    """A row of the table of pairs: paths as seen from the working directory, and own options.

    `references` are more images like `b_prime`; `guides` holds the columns of `guides.GUIDES`,
    `truth` those that say what is known of the pair: `FILES`, whether it is `mirrored`, and the
    `kinds` that it is counted among.
    """

    name: str
    a: str
    b_prime: str
    options: Options = field(default_factory=dict)
    truth: Options = field(default_factory=dict)
    guides: Options = field(default_factory=dict)
    references: tuple[str, ...] = ()

    @classmethod
    def of_row(cls, row: Options, options: Iterable[str] = ()) -> Pair:
        """The pair of a row, of whose columns some are `options` and the others are known of it."""
        own = {name: row[name] for name in options if name in row}
        guides = {name: row[name] for name in GUIDES if name in row}
        known = {name: row[name] for name in row.keys() - own.keys() - guides.keys()}
        references = tuple(known.pop("references", ()))
        images = known.pop("name"), known.pop("a"), known.pop("b_prime")
        return cls(*images, own, known, guides, references)

    @property
    def a_prime(self) -> str:
        """The image of the given A', empty where there is none."""
        return self.truth.get("a_prime", "")

    @property
    def truth_files(self) -> list[str]:
        """The paths of all that is known of the pair."""
        return [self.truth[name] for name in FILES if name in self.truth]


def check_references(pair: Pair, settings: Settings) -> None:
    """Make sure that a pair with several references is possible.

    Raises:
        SettingsError, GuidanceError: it is not.
    """
    if settings.matcher not in FEATURE_MATCHERS:
        raise SettingsError(
            "references",
            f"matcher {settings.matcher} is not possible with several references",
            "it has no energies by which to choose; take hierarchical",
        )
    check_guides(pair.guides, references=bool(pair.references))
