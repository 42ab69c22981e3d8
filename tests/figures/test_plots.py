from __future__ import annotations

import matplotlib
import numpy as np
import pytest
from matplotlib.figure import Figure
from matplotlib.text import Text
from PIL import Image

from dia_pipeline.evaluation.tables import ACCURACY
from dia_pipeline.figures import plots
from dia_pipeline.figures.sequence import plot_flicker

MATCHERS = {"first": "hierarchical", "alone": "layer-independent", "rgb": "patchmatch-rgb"}


@pytest.fixture
def measures():
    """Three variants on four pairs, with two levels where there are levels."""
    rng = np.random.default_rng(0)
    names = [f"accuracy_{t}{level}" for t in (1, 2, 5) for level in ("", "_level_5", "_level_4")]
    return {
        name: {
            variant: {f"p{n}": float(rng.random()) for n in range(4)}
            for variant in MATCHERS
            if not ("level" in name and variant == "rgb")
        }
        for name in [*names, "seconds"]
    }


@pytest.fixture
def drawn(monkeypatch):
    """The last figure that was written."""
    figures: list[Figure] = []
    save = Figure.savefig

    def savefig(figure, *arguments, **options):
        figures.append(figure)
        save(figure, *arguments, **options)

    monkeypatch.setattr(Figure, "savefig", savefig)
    return lambda: figures[-1]


def test_dots_are_means_and_bars_their_intervals(measures, tmp_path, drawn):
    plots.plot_accuracy(tmp_path / "accuracy", measures, ACCURACY, MATCHERS)
    axes = drawn().axes[2]
    dots = {
        line.get_ydata()[0]: line.get_xdata()[0]
        for line in axes.lines
        if len(line.get_xdata()) == 1
    }
    means = [np.mean([*measures["accuracy_5"][variant].values()]) for variant in MATCHERS]
    assert [dots[-row] for row in range(3)] == pytest.approx(means)
    for bar, mean in zip(axes.collections, means, strict=True):
        low, high = bar.get_segments()[0][:, 0]
        assert low < mean < high


@pytest.mark.parametrize(
    "names",
    [["only"], ["first", "alone"], ["a name of four words " * 4, "another-with-hyphens-" * 4]],
)
def test_few_rows_and_long_names_are_drawn_apart(measures, tmp_path, drawn, names):
    matchers = dict(zip(names, MATCHERS.values(), strict=False))
    renamed = {
        measure: dict(zip(names, values.values(), strict=False))
        for measure, values in measures.items()
    }
    plots.plot_accuracy(tmp_path / "accuracy", renamed, ACCURACY, matchers)
    figure = drawn()
    figure.draw_without_rendering()
    first = figure.axes[0]
    labels = [Text.get_window_extent(label) for label in first.get_yticklabels()]
    assert not any(one.overlaps(two) for n, one in enumerate(labels) for two in labels[:n])
    assert not any(label.overlaps(axes.bbox) for label in labels for axes in figure.axes)
    assert not figure.legends[0].get_window_extent().overlaps(first.bbox)
    assert all(axes.bbox.width > 0.15 * figure.bbox.width for axes in figure.axes)


def test_the_best_point_is_drawn_whole(measures, tmp_path, drawn):
    for plot in (plots.plot_time, plots.plot_levels):
        columns = ACCURACY[-1] if plot is plots.plot_time else ACCURACY
        plot(tmp_path / "plot", measures, columns, MATCHERS)
        points = [line for line in drawn().axes[0].lines if line.get_marker() == "o"]
        assert points and not any(line.get_clip_on() for line in points)


def test_every_variant_is_named_in_the_plot_of_times(measures, tmp_path, drawn):
    for values in measures["accuracy_5"].values():
        values.update(dict.fromkeys(values, 0.5))  # all at one place
    for values in measures["seconds"].values():
        values.update(dict.fromkeys(values, 2.0))
    plots.plot_time(tmp_path / "time", measures, ACCURACY[-1], MATCHERS)
    figure = drawn()
    figure.draw_without_rendering()
    texts = [text for text in figure.axes[0].texts if text.get_text() in MATCHERS]
    assert sorted(text.get_text() for text in texts) == sorted(MATCHERS)
    boxes = [Text.get_window_extent(text) for text in texts]
    assert not any(one.overlaps(two) for n, one in enumerate(boxes) for two in boxes[:n])


def test_levels_run_from_coarse_to_fine_for_what_has_levels(measures, tmp_path, drawn):
    plots.plot_levels(tmp_path / "levels", measures, ACCURACY, MATCHERS)
    axes = drawn().axes[0]
    assert [line.get_xdata().tolist() for line in axes.lines] == [[5, 4], [5, 4]]
    assert axes.xaxis_inverted()


def test_the_figure_of_a_pair_shows_the_images_themselves(tmp_path, drawn):
    a, b_prime = (np.full((30, 40, 3), value, np.uint8) for value in (60, 200))
    levels = {"alone": {5: a, 4: b_prime}, "first": {5: b_prime, 4: a}}
    plots.plot_pair(tmp_path / "pair", a, b_prime, levels, {"alone": {5: "0.5"}, "first": {}})
    shown = [axes.images[0].get_array()[0, 0, 0] for axes in drawn().axes]
    assert shown == [60, 60, 200, 200, 200, 60]
    assert drawn().axes[1].get_xlabel() == "0.5"


def test_plots_are_for_screen_and_print_and_always_the_same_bytes(measures, tmp_path):
    for name in ("one", "two"):
        plots.plot_accuracy(tmp_path / name, measures, ACCURACY, MATCHERS)
    for suffix in (".png", ".pdf"):
        first, second = ((tmp_path / name).with_suffix(suffix) for name in ("one", "two"))
        assert first.read_bytes() == second.read_bytes()
    with Image.open(tmp_path / "one.png") as image:
        assert image.width > 1300  # 7 inches at 200 dots an inch


def test_the_style_of_a_user_changes_no_byte(measures, tmp_path):
    """That of a `matplotlibrc` in the working directory, say, which may call LaTeX."""
    for name, style in (("usual", {}), ("own", {"lines.linewidth": 9, "text.usetex": True})):
        with matplotlib.rc_context(style):
            plots.plot_accuracy(tmp_path / name, measures, ACCURACY, MATCHERS)
            plot_flicker(tmp_path / f"{name}-flicker.png", {"change": [1.0, None, 3.0]}, [1])
    for suffix in (".png", ".pdf", "-flicker.png"):
        usual, own = (tmp_path / f"{name}{suffix}" for name in ("usual", "own"))
        assert usual.read_bytes() == own.read_bytes()
