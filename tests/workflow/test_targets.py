"""A result, or a pair or sequence by its name, is what Snakemake is asked for."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import warm
import yaml
from calls import RESULTS, ROOT, run_whole, snakemake, tree, would_write
from examples import DRAFT, artefacts, draw_image, write_pairs

FIRST = "results/hierarchical/pair1/a_prime.png"

pytestmark = pytest.mark.slow


def configure(**changes: object) -> None:
    """Three pairs in two jobs of two variants, a sequence, and an ablation of the same pairs."""
    config = {"pairs": "config/pairs.tsv", "checkpoint": "pair", "settings": DRAFT}
    ablation = {**config, "results": "results/ablation"}
    variants = {"hierarchical": {}, "other": {"seed": 1}}
    own = {**config, "pairs_per_job": 2, "sequences": "config/sequences.tsv", "variants": variants}
    Path("config/config.yaml").write_text(yaml.safe_dump({**own, **changes}))
    Path("config/ablation.yaml").write_text(yaml.safe_dump(ablation))


def check_out(place: Path, patch: pytest.MonkeyPatch) -> None:
    patch.chdir(place)
    for name in ("Snakefile", "workflow", "profiles"):
        Path(name).symlink_to(ROOT / name)
    Path("config").mkdir()
    pairs = write_pairs(Path("images"), 3)
    rows = [("name", "a", "b_prime"), *((each.name, each.a, each.b_prime) for each in pairs)]
    Path("config/pairs.tsv").write_text("".join("\t".join(row) + "\n" for row in rows))
    Path("day").mkdir()
    for number in (1, 2):
        draw_image(Path(f"day/{number}.png"), number)
    row = f"day\t{pairs[0].a}\tday\tlocked\n"
    Path("config/sequences.tsv").write_text("name\ta\tb_prime\tcoherence\n" + row)
    configure()


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A checkout of which nothing is made."""
    check_out(tmp_path, monkeypatch)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A folder in which one result is made by its name."""
    place = tmp_path_factory.mktemp("made")
    with pytest.MonkeyPatch.context() as patch:
        check_out(place, patch)
        run_whole(FIRST)
    return place


@pytest.fixture
def made(run, tmp_path, monkeypatch):
    """A copy of it, with the times of all files."""
    shutil.copytree(run, tmp_path, dirs_exist_ok=True, symlinks=True)
    monkeypatch.chdir(tmp_path)


def jobs(variant: str, batch: str = "0001") -> set[str]:
    return {f"receipts/{stage}/{variant}/{batch}.json" for stage in ("pair", "aggregate")}


def test_a_target_stands_for_what_it_needs_and_nothing_else(folder):
    first = {"weights/vgg16.json", *jobs("hierarchical"), FIRST.removeprefix("results/")}
    other = {*jobs("other"), "other/pair1/a_prime.png"}
    assert would_write(FIRST) == first
    assert would_write("./" + FIRST) == first
    assert would_write("pair1") == {*first, *other}
    assert would_write("pair3") == {
        each.replace("0001", "0002").replace("pair1", "pair3") for each in {*first, *other}
    }
    videos = {name for name in would_write("day") if "receipts" not in name}
    assert videos == {f"{variant}/day/video.mp4" for variant in ("hierarchical", "other")} | {
        "weights/vgg16.json"
    }
    ablated = would_write("results/ablation/hierarchical/pair2/b.png")
    assert len(ablated) == 4 and all(name.startswith("ablation/") for name in ablated)
    assert not RESULTS.exists()


def test_a_result_is_made_once(made):
    assert Path(FIRST).exists() and not (RESULTS / "other").exists()
    assert not (RESULTS / "summary.json").exists()
    before = tree()
    assert "Nothing to be done" in run_whole(FIRST)
    assert tree() == before
    assert warm.call("dia", "status").returncode == 0
    assert not any("level" in name or "pair1" in name for name in would_write("pair3"))


def test_a_result_is_not_deleted_before_it_is_made_again(made):
    """Its bytes stay until others take their place, also where a job fails."""
    content, image = Path(FIRST).read_bytes(), Path("images/a1.png").read_bytes()
    Path("images/a1.png").write_text("no image")
    status, said = snakemake(FIRST)
    assert status == 1
    assert "hierarchical/pair1: failed in pair: images/a1.png: this is no image" in said
    assert "The same command tries again." in said
    assert Path(FIRST).read_bytes() == content
    Path("images/a1.png").write_bytes(image)
    run_whole(FIRST)
    assert Path(FIRST).read_bytes() == content
    assert "Nothing to be done" in run_whole(FIRST)


def test_a_result_that_is_gone_is_made_again_and_nothing_before_it(made):
    content = Path(FIRST).read_bytes()
    Path(FIRST).unlink()
    made_again = {"receipts/aggregate/hierarchical/0001.json", FIRST.removeprefix("results/")}
    assert would_write(FIRST) == made_again
    run_whole(FIRST)
    assert Path(FIRST).read_bytes() == content


def test_what_fails_though_it_is_asked_for_is_tried_again(folder):
    """Before there is any result, and though the command before has ended with the failure."""
    image = Path("images/a1.png").read_bytes()
    Path("images/a1.png").write_text("no image")
    status, said = snakemake("pair1", "--keep-going")
    assert status == 1 and "other/pair1: failed in pair" in said
    assert not (RESULTS / "hierarchical/pair1").exists() or not list(
        (RESULTS / "hierarchical/pair1").iterdir()
    )
    Path("images/a1.png").write_bytes(image)
    run_whole("pair1")
    assert Path(FIRST).exists()


def test_a_gap_of_a_sequence_is_named_and_filled(folder):
    configure(variants={"hierarchical": {}})
    image = Path("day/2.png").read_bytes()
    Path("day/2.png").write_text("no image")
    status, said = snakemake("day")
    assert status == 1 and "hierarchical/day, frame 2: failed in prepare" in said
    assert (RESULTS / "hierarchical/day/video.mp4").exists()
    Path("day/2.png").write_bytes(image)
    run_whole("day")
    assert len(list((RESULTS / "hierarchical/day/frames").iterdir())) == 2
    assert "Nothing to be done" in run_whole("day")


def test_a_file_that_no_run_makes_is_refused_in_words(made):
    status, said = snakemake("results/hierarchical/pair1/a_pirme.png")
    assert status == 1
    assert "a_pirme.png: the run makes no such file; see results/hierarchical/pair1" in said


def test_a_run_goes_on_from_what_was_asked_for(made):
    """To the same bytes as a run that was asked for everything at once."""
    run_whole()
    whole = artefacts(RESULTS / "hierarchical")
    assert warm.call("dia", "verify").returncode == 0
    shutil.rmtree(RESULTS)
    run_whole()
    assert artefacts(RESULTS / "hierarchical") == whole


def test_nothing_is_written_or_removed_by_a_dry_run(made):
    configure(settings={**DRAFT, "seed": 3})
    Path("images/a1.png").write_text("no image")
    before = tree()
    for options in (("--dry-run",), ("--summary",), ("--delete-all-output", "--dry-run")):
        for target in (FIRST, "pair1", "day"):
            snakemake(target, *options)
            assert tree() == before, (target, options)


def test_a_name_that_a_rule_or_the_ablation_has(folder):
    """The rule comes first; the run of an ablation is begun only if something of it is made."""
    table = Path("config/pairs.tsv").read_text()
    renamed = table.replace("pair1", "ablation_pair1").replace("pair2", "weights")
    Path("config/pairs.tsv").write_text(renamed)
    configure(variants={"hierarchical": {}})
    run_whole("ablation_pair1")
    assert (RESULTS / "hierarchical/ablation_pair1/a_prime.png").exists()
    assert not (RESULTS / "ablation").exists()
    assert "results/hierarchical/weights/a_prime.png" in run_whole(
        "results/hierarchical/weights/a_prime.png"
    )


def test_a_given_file_among_the_results_is_given(made):
    """A pair whose A is a result of another pair of its batch is no circle."""
    table = Path("config/pairs.tsv").read_text()
    Path("config/pairs.tsv").write_text(table.replace("images/a2.png", FIRST))
    assert "hierarchical/pair2/a_prime.png" in would_write("pair2")


def test_what_is_forced_is_looked_through_and_kept(made):
    """Jobs run again and leave every result, its time too, but that which is asked for."""
    before = tree()
    run_whole(FIRST, "--forcerun", "pair")
    now = tree()
    results = [path for path in before if path.startswith("results/hierarchical/")]
    assert all(now[path][1] == before[path][1] for path in results)
    changed = {path for path in results if now[path] != before[path]}
    assert changed <= {FIRST, str(Path(FIRST).parent)}


def test_all_output_of_a_target_is_its_receipts_and_itself(made):
    before = tree()
    run_whole(FIRST, "--delete-all-output")
    gone = {path for path, (_, content) in before.items() if content and not Path(path).exists()}
    receipts = {f"results/{name}" for name in jobs("hierarchical")}
    assert gone == {FIRST, "results/weights/vgg16.json", *receipts}
    run_whole(FIRST)
    assert Path(FIRST).read_bytes() == before[FIRST][1]


def test_parts_of_a_run_make_it_in_turn(made):
    """The last one waits for the others."""
    configure(sequences=None, variants={"hierarchical": {}})
    status, said = snakemake("--batch", "all=3/3")
    assert status == 1 and "not all previous batches" in said
    for number in (1, 2, 3):
        assert not (RESULTS / "summary.json").exists()
        run_whole("--batch", f"all={number}/3")
    assert "Nothing to be done" in run_whole()
    status, said = snakemake("--batch", "all=1/99")
    assert status == 1 and "choose a smaller number of batches" in said
