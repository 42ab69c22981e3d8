"""The measures of an ablation as tables: tidy for programs, and for people and papers."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from itertools import chain, product, zip_longest
from pathlib import Path
from statistics import fmean

from dia_pipeline.evaluation.scoring import ALPHAS
from dia_pipeline.evaluation.statistics import Estimate, compare, estimate
from dia_pipeline.io.files import replace_file
from dia_pipeline.text import for_latex, for_markdown, for_spreadsheet

Values = dict[str, dict[str, float]]
"""The values of one measure, by variant and pair."""

Measures = dict[str, Values]
"""The values of all measures."""


@dataclass(frozen=True)
class Column:
    """How a measure is shown.

    Attributes:
        better: 1 where more is better, -1 where less is, else 0.
        pooled: whether all points of all pairs count alike, and not all pairs; the measure `points`
            says how many a pair has.
    """

    measure: str
    heading: str
    better: int = 1
    digits: int = 2
    pooled: bool = False


SIDES = {"image": "B'", "box": "the object's box in B'"}
"""The sides by which a keypoint is right, in words."""

ACCURACY = tuple(Column(f"accuracy_{t}", f"T = {t}") for t in (1, 2, 5))
"""The share of pixels that are matched within T, the longest side of the target being 100."""

KEYPOINTS = tuple(
    Column(f"pck_{kind}_{alpha}", f"PCK {kind} {alpha} %")
    for kind in ("image", "box")
    for alpha in (5, 10)
)

OTHERS = (
    Column("end_point_error", "end-point error, px", -1, 1),
    Column("seconds", "s a pair", 0, 1),
)

IMAGES = (
    Column("difference", "difference to true A'", -1, 3),
    Column("similarity", "similarity to true A'"),
    Column("psnr", "PSNR to true A', dB", digits=1),
    Column("difference_b", "difference to true B", -1, 3),
    Column("similarity_b", "similarity to true B"),
    Column("structure", "structure of A", 0),
    Column("self_similarity", "self-similarity to A", -1, 3),
    Column("seams", "seams, grey levels", -1),
    Column("sharpness", "sharpness", 0),
)
"""How good A' and B are as images."""

PCK = {
    of: tuple(Column(f"pck_{of}_{a}", f"PCK {a / 100:.2f} of {of}", digits=3) for a in ALPHAS)
    for of in ("image", "box")
}
"""The share of points that are right, by the image's side and by that of the object's box."""

ANSWERS = (
    Column("end_point_error", "end-point error, px", -1, 2),
    Column("outliers", "Fl", -1, 3),
    Column("answered", "answered", 0, 3),
)

WITHOUT_TRUTH = (
    Column("confidence", "confidence", 0),
    Column("forward_backward", "forward-backward"),
    Column("coverage", "coverage"),
    Column("smoothness", "smoothness", 0),
    Column("energy", "energy", -1),
    Column("ssim", "SSIM to A", 0),
    Column("ssim_truth", "SSIM to true A'"),
    Column("colour_distance", "colour distance to B'", -1, 1),
    Column("feature_distance", "feature distance to B'", -1),
)


OF_VIDEOS = (
    Column("flicker", "flicker, grey levels", -1),
    Column("change", "change, grey levels", 0),
    Column("warp_error", "warp error", -1, 5),
    Column("cdc", "CDC", -1, 4),
)
"""How a video changes from frame to frame."""


@dataclass(frozen=True)
class Cell:
    """A number, its interval or other note, and whether it stands out."""

    text: str
    note: str = ""
    bold: bool = False


@dataclass(frozen=True)
class Table:
    """A row of cells for every variant, or whatever `of` says, under a heading for every cell.

    A paper refers to it by `tab:` and the `label`.
    """

    label: str
    caption: str
    headings: list[str]
    rows: dict[str, list[Cell]]
    of: str = "variant"

    def turned(self) -> Table:
        """The same with a row for every heading, of which no two are alike."""
        rows = dict(
            zip(self.headings, map(list, zip(*self.rows.values(), strict=True)), strict=True)
        )
        return Table(self.label, self.caption, [*self.rows], rows, "measure")


def write_csv(path: Path, measures: Measures) -> None:
    """Write pair, variant, measure and value, a line each."""
    rows = sorted(
        (for_spreadsheet(pair), for_spreadsheet(variant), measure, repr(value))
        for measure, values in measures.items()
        for variant, by_pair in values.items()
        for pair, value in by_pair.items()
    )
    _write_rows(path, [("pair", "variant", "measure", "value"), *rows])


def write_unanswered(path: Path, rows: Iterable[tuple[str, str, int, int, str]]) -> None:
    """Write method, pair, how many of its points have no answer, how many it has, and why."""
    shown = ([for_spreadsheet(str(each)) for each in row] for row in rows)
    _write_rows(path, [("method", "pair", "points", "of", "reason"), *shown])


def _write_rows(path: Path, rows: Iterable[Iterable[str]]) -> None:
    with replace_file(path) as temporary, temporary.open("w", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows(rows)


def make_tables(
    measures: Measures, bases: Mapping[str, str], kinds: Mapping[str, list[str]]
) -> list[Table]:
    """All tables for which there are values.

    Args:
        bases: for every variant the one that it is compared with; the first's is itself.
        kinds: what each pair is counted among.
    """
    accuracy = [each for each in (*ACCURACY, *KEYPOINTS) if each.measure in measures]
    tables = [
        _means(
            "means", "Means over pairs and their 95 % intervals.", measures, [*accuracy, *OTHERS]
        ),
        *(_differences(measures, base, bases, accuracy) for base in dict.fromkeys(bases.values())),
        *(_by_kind(measures[each.measure], each, kinds) for each in accuracy),
        _means("images", "The images.", measures, IMAGES),
        _means(
            "without-truth",
            "Measures that need no truth, but for the last SSIM.",
            measures,
            WITHOUT_TRUTH,
        ),
    ]
    return [table for table in tables if len(table.headings) > 1]


def score_tables(
    measures: Measures, base: str, kinds: Mapping[str, list[str]]
) -> tuple[list[Table], list[Table]]:
    """The tables of what methods answer: means, then differences from `base` and kinds of pairs."""
    shown = {of: columns for of, columns in PCK.items() if columns[0].measure in measures}
    means = [
        _score_means(of, per, measures, measures[columns[0].measure][base])
        for of, columns in shown.items()
        for per in ("image", "point")
    ]
    bases = dict.fromkeys(measures["points"], base)
    rest = [
        *(
            _differences(measures, base, bases, columns, f"pck-of-{of}-")
            for of, columns in shown.items()
        ),
        _differences(measures, base, bases, ANSWERS[:1], "error-"),
        *(_by_kind(measures[each.measure], each, kinds) for each in chain(*shown.values())),
    ]
    return _of_methods(means), _of_methods(rest)


def picture_tables(
    measures: Measures, base: str, kinds: Mapping[str, list[str]]
) -> tuple[list[Table], list[Table]]:
    """As `score_tables`, of pictures and videos A'."""
    every = (*IMAGES, *WITHOUT_TRUTH, *OF_VIDEOS)
    columns = [column for column in every if column.measure in measures]
    judged = [column for column in columns if column.better]
    bases = dict.fromkeys(measures["structure"], base)
    caption = "A': means over pairs and their 95 % intervals."
    means = [_means("pictures", caption, measures, columns)]
    rest = [
        _differences(measures, base, bases, judged, "pictures-"),
        *(_by_kind(measures[each.measure], each, kinds) for each in judged),
    ]
    return _of_methods(means), _of_methods(rest)


def _score_means(of: str, per: str, measures: Measures, pairs: Iterable[str]) -> Table:
    """Means over pairs, or over the points of all pairs, of PCK by one side."""
    pairs = list(pairs)
    [points, *_] = measures["points"].values()
    count = int(sum(points[pair] for pair in pairs))
    counted = {
        "image": f"all {len(pairs)} pairs count alike",
        "point": f"all {count:,} points of {len(pairs)} pairs count alike",
    }
    caption = (
        f"PCK of {of}, per {per}: the share of points within .01 to .15 of the longest side of "
        f"{SIDES[of]}; {counted[per]}. With 95 % intervals."
    )
    short = [replace(each, heading=each.heading.removesuffix(f" of {of}")) for each in PCK[of]]
    columns = [*short, *(ANSWERS if of == "image" else ())]
    columns = [replace(column, pooled=per == "point") for column in columns]
    return _means(f"pck-of-{of}-per-{per}", caption, measures, columns)


def _of_methods(tables: Iterable[Table]) -> list[Table]:
    """Those of the tables in which there is something, of methods in the place of variants."""
    return [replace(table, of="method") for table in tables if table.rows and table.headings]


def write_scores(path: Path, measures: Measures) -> None:
    """Write the means in full: method, measure, per what, value, its interval, pairs, points.

    Without the measure `points` there are none, and means are per image alone.
    """
    points = measures.get("points", {})
    rows = []
    kinds = ("image", "point") if points else ("image",)
    for measure, per in product(measures.keys() - {"points"}, kinds):
        for method, by_pair in measures[measure].items():
            of = points.get(method, {})
            one = _estimate(Column(measure, "", pooled=per == "point"), by_pair, of)
            count = int(sum(of[pair] for pair in by_pair)) if of else ""
            numbers = *map(repr, (one.mean, one.low, one.high, one.count)), str(count)
            rows.append((for_spreadsheet(method), measure, per, *numbers))
    heading = ("method", "measure", "per", "value", "low", "high", "pairs", "points")
    _write_rows(path, [heading, *sorted(rows)])


def compare_two(measures: Measures, first: str, second: str) -> Table:
    """Two sets of results by every measure that both have, on the same pairs, with a verdict.

    A set is called better where the interval of the differences excludes zero; of a single pair,
    which has no interval, by the difference alone.
    """
    rows = {}
    for column in (*ACCURACY, *KEYPOINTS, *OTHERS, *IMAGES, *WITHOUT_TRUTH):
        values = measures.get(column.measure, {})
        one, two = values.get(first, {}), values.get(second, {})
        found = compare(two, one)
        if found is None:
            continue
        means = [estimate([each[pair] for pair in two if pair in one]) for each in (one, two)]
        won = (found.larger, found.smaller)[:: column.better or 1]
        rows[column.heading] = [
            *(_cell(each, column.digits, interval=False) for each in means),
            _cell(found.difference, column.digits + 1, found.difference.excludes_zero, "+"),
            Cell(f"{won[0]} : {won[1]}" if column.better else ""),
            Cell(_verdict(found.difference, column, first, second)),
        ]
    caption = f"{second} against {first}, pair by pair, with 95 % intervals."
    headings = [first, second, "difference", "better : worse", "verdict"]
    return Table("verdict", caption, headings, rows, of="measure")


def _verdict(difference: Estimate, column: Column, first: str, second: str) -> str:
    """Which of two is better by a measure, if any."""
    if not column.better:
        return ""
    if difference.mean == 0:
        return "neither"
    if difference.count > 1 and not difference.excludes_zero:
        return "not certain"
    return second if column.better * difference.mean > 0 else first


def markdown(tables: Iterable[Table]) -> str:
    """The tables as Markdown."""
    return "\n\n".join(_markdown(table) for table in tables) + "\n"


def latex(tables: Iterable[Table]) -> str:
    """The tables as LaTeX, with the packages booktabs and graphicx; none is wider than the text."""
    return "% \\usepackage{booktabs,graphicx}\n" + "\n".join(_latex(table) for table in tables)


def _means(label: str, caption: str, measures: Measures, columns: Iterable[Column]) -> Table:
    """Means and intervals; the best of each column stands out."""
    columns = [column for column in columns if column.measure in measures]
    rows: dict[str, list[Cell]] = {}
    for column in columns:
        values = measures[column.measure]
        points = measures.get("points", {})
        found = {
            variant: _estimate(column, by_pair, points.get(variant, {}))
            for variant, by_pair in values.items()
        }
        best = max((column.better * one.mean for one in found.values()), default=0)
        for variant in _variants(measures):
            one = found.get(variant)
            bold = one is not None and column.better != 0 and column.better * one.mean == best
            rows.setdefault(variant, []).append(_cell(one, column.digits, bold))
    counts = _counts(measures)
    rows = {variant: [Cell(str(counts[variant])), *cells] for variant, cells in rows.items()}
    return Table(label, caption, ["pairs", *(column.heading for column in columns)], rows)


def _estimate(
    column: Column, by_pair: Mapping[str, float], points: Mapping[str, float]
) -> Estimate:
    """The mean of a measure over pairs, or over the points that these have."""
    weights = [points[pair] for pair in by_pair] if column.pooled else None
    return estimate([*by_pair.values()], weights)


def _differences(
    measures: Measures,
    base: str,
    bases: Mapping[str, str],
    columns: Iterable[Column],
    label: str = "",
) -> Table:
    """Paired differences from the base; those whose interval excludes zero stand out."""
    caption = (
        f"Differences from {base}, pair by pair, with their 95 % intervals, and on how many "
        "pairs each is better and worse. Bold: the interval excludes zero."
    )
    columns = [column for column in columns if base in measures[column.measure]]
    rows: dict[str, list[Cell]] = {
        variant: [] for variant, other in bases.items() if other == base != variant
    }
    for variant in rows:
        for column in columns:
            values = measures[column.measure]
            found = compare(values.get(variant, {}), values[base])
            one = found and found.difference
            rows[variant].append(
                _cell(one, column.digits + 1, bool(one and one.excludes_zero), "+")
            )
            won = (found.larger, found.smaller)[:: column.better] if found else ()
            rows[variant].append(Cell(" : ".join(map(str, won))))
    headings = [text for column in columns for text in (column.heading, "better : worse")]
    return Table(f"{label}differences-from-{base}", caption, headings, rows)


def _by_kind(values: Values, column: Column, kinds: Mapping[str, list[str]]) -> Table:
    """Means over the pairs of each kind: of what pairs name first, then second, and so on."""
    names = list(dict.fromkeys(filter(None, chain(*zip_longest(*kinds.values())))))
    rows: dict[str, list[Cell]] = {}
    for variant, by_pair in values.items():
        groups = [
            [value for pair, value in by_pair.items() if kind in kinds.get(pair, ())]
            for kind in names
        ]
        rows[variant] = [
            Cell(f"{fmean(group):.{column.digits}f}" if group else "") for group in groups
        ]
    caption = f"{column.heading} by kind of pair."
    return Table(f"{column.measure}-by-kind", caption, names, rows)


def _variants(measures: Measures) -> list[str]:
    return list(dict.fromkeys(variant for values in measures.values() for variant in values))


def _counts(measures: Measures) -> dict[str, int]:
    """The pairs that were measured of every variant."""
    return {
        variant: len({pair for values in measures.values() for pair in values.get(variant, ())})
        for variant in _variants(measures)
    }


def _cell(
    one: Estimate | None, digits: int, bold: bool = False, sign: str = "", interval: bool = True
) -> Cell:
    if one is None:
        return Cell("")
    text = f"{one.mean:{sign}.{digits}f}"
    known = interval and one.count > 1
    return Cell(text, f"{one.low:{sign}.{digits}f}, {one.high:{sign}.{digits}f}" * known, bold)


def _markdown(table: Table) -> str:
    def shown(cell: Cell) -> str:
        text = f"**{cell.text}**" if cell.bold else cell.text
        return f"{text} [{cell.note}]" if cell.note else text

    headings = map(for_markdown, table.headings)
    lines = [[table.of, *headings], ["---", *("--:" for _ in table.headings)]]
    lines += [[for_markdown(name), *map(shown, cells)] for name, cells in table.rows.items()]
    return "\n".join([table.caption, "", *(f"| {' | '.join(line)} |" for line in lines)])


def _latex(table: Table) -> str:
    def shown(cell: Cell) -> str:
        text = _minus(cell.text)
        text = rf"\textbf{{{text}}}" if cell.bold else text
        return rf"{text} {{\scriptsize [{_minus(cell.note)}]}}" if cell.note else text

    lines = [
        # After a line's end LaTeX would take a bracket or an asterisk for an argument.
        "{}" * variant.startswith(("[", "*"))
        + " & ".join([for_latex(variant), *map(shown, cells)])
        + r" \\"
        for variant, cells in table.rows.items()
    ]
    return "\n".join(
        [
            r"\begin{table}",
            r"\centering",
            rf"\caption{{{for_latex(table.caption)}}}",
            rf"\label{{tab:{re.sub('[^A-Za-z0-9]+', '-', table.label)}}}",
            r"\resizebox{\ifdim\width>\linewidth\linewidth\else\width\fi}{!}{"
            rf"\begin{{tabular}}{{l{'r' * len(table.headings)}}}",
            r"\toprule",
            " & ".join([table.of, *map(for_latex, table.headings)]) + r" \\",
            r"\midrule",
            *lines,
            r"\bottomrule",
            r"\end{tabular}}",
            r"\end{table}",
            "",
        ]
    )


def _minus(text: str) -> str:
    """Numbers with the sign that is as wide as a plus."""
    return text.replace("-", "$-$").replace("+", "$+$")
