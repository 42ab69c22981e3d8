"""The files that a run is given, and what they tell before they are read."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator
from functools import cache, cached_property
from pathlib import Path

from dia_pipeline.io.files import sampled
from dia_pipeline.io.notes import note_on_sizes
from dia_pipeline.runs.pair import Pair
from dia_pipeline.runs.places import Places
from dia_pipeline.runs.sequence import Sequence
from dia_pipeline.store.artefacts import digest


class Inputs(Places):
    """The pairs of a configuration, dealt out in batches, its sequences, and the files of both."""

    @cached_property
    def batches(self) -> dict[str, tuple[Pair, ...]]:
        """The pairs of every job, by the name of the batch."""
        pairs, count = self.config.pairs, self.config.pairs_per_job
        starts = range(0, len(pairs), count)
        return {
            f"{number:04d}": pairs[start : start + count] for number, start in enumerate(starts, 1)
        }

    @cached_property
    def batch_of(self) -> dict[str, str]:
        """The batch of every pair, by the pair's name."""
        return {pair.name: name for name, pairs in self.batches.items() for pair in pairs}

    @cached_property
    def sequences(self) -> dict[str, Sequence]:
        """The sequences by name."""
        return {sequence.name: sequence for sequence in self.config.sequences}

    @property
    def rows(self) -> list[Pair | Sequence]:
        """The pairs and the sequences, in the order of their tables."""
        return [*self.config.pairs, *self.config.sequences]

    def images(self, batch: str) -> list[str]:
        """The images of a batch and what guides their matches, each once."""
        paths = (
            path
            for pair in self.batches[batch]
            for path in (
                pair.a,
                pair.b_prime,
                pair.a_prime,
                *pair.references,
                *pair.guides.values(),
            )
        )
        return list(dict.fromkeys(filter(None, paths)))

    @property
    def given(self) -> Iterator[str]:
        """The files that are given of all pairs and sequences."""
        for batch in self.batches:
            yield from self.images(batch)
            yield from self.truth_files(batch)
        for sequence in self.sequences.values():
            yield from sequence.files

    def users(self, images: Iterable[str]) -> dict[str, dict[str, list[Pair]]]:
        """The pairs that match each of some images, by their batch."""
        users: dict[str, dict[str, list[Pair]]] = {path: {} for path in images}
        for batch, pairs in self.batches.items():
            for pair in pairs:
                for path in (pair.a, pair.b_prime, *pair.references):
                    if path in users:
                        users[path].setdefault(batch, []).append(pair)
        return users

    def note_on_sizes(self) -> str:
        """What to say of pairs whose B' is too small for their A, by the headers; else empty."""
        found = [
            f"{pair.name!r}: {note}"
            for pair in self.config.pairs
            for path in (pair.b_prime, *pair.references)
            if (note := note_on_sizes(self._size(pair.a), self._size(path)))
        ]
        more = f" (and {len(found) - 1} more like it)" if len(found) > 1 else ""
        return found[0] + more if found else ""

    @cached_property
    def _size(self) -> Callable[[str], tuple[int, int]]:
        """The size of an image, of which many pairs and variants may ask."""
        from dia_pipeline.io.images import image_size

        return cache(image_size)

    def signature(self, paths: Iterable[str]) -> str:
        """A digest of samples of files, which another file in their place changes, however old.

        Those of the synthetic benchmark count for nothing: the run makes them.
        """
        own = None if self.config.synthetic is None else self.config.synthetic_folder
        given = (path for path in paths if own is None or not Path(path).is_relative_to(own))
        return digest([self._sample(path) for path in given])

    @cached_property
    def _sample(self) -> Callable[[str], tuple[int, str] | None]:
        """The sample of a file, of which many pairs and stages may ask."""
        return cache(sampled)

    def truth_files(self, batch: str) -> list[str]:
        """The files of what is known of the pairs of a batch, each once."""
        return list(dict.fromkeys(path for p in self.batches[batch] for path in p.truth_files))

    def inputs(self, paths: list[str]) -> Collection[str | Path]:
        """Files as a job's inputs: the receipt stands for those of the synthetic benchmark."""
        if self.config.synthetic is None:
            return paths
        made = (Path(path).is_relative_to(self.config.synthetic_folder) for path in paths)
        inputs = (
            self.synthetic_receipt if own else path for own, path in zip(made, paths, strict=True)
        )
        return list(dict.fromkeys(inputs))
