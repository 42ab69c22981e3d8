"""`snakemake --profile slurm` on a real Slurm, undisturbed and through every fault we know of."""

from __future__ import annotations

import subprocess
from collections import defaultdict
from itertools import pairwise

import pytest
from checkout import PAIRS, Checkout
from cluster import GPUS, wait_until
from examples import times

pytestmark = pytest.mark.slow

COMMAND = ["snakemake", "--profile", "slurm"]


def running(cluster) -> list[tuple[str, str]]:
    """The jobs that run, in the order of their submission, and the node of each."""
    lines = cluster.run("squeue", "--noheader", "--states=R", "--sort=i", "--format=%i %N")
    return [tuple(line.split()) for line in lines.splitlines()]


def state(cluster, job: str) -> str:
    return cluster.run("squeue", "--noheader", "--states=all", "--jobs", job, "--format=%T").strip()


def fields(checkout) -> int:
    """How many pairs have their fields."""
    return len(list(checkout.results.glob("hierarchical/*/nnf.h5")))


@pytest.fixture(scope="module")
def undisturbed(cluster, tmp_path_factory):
    """A run with every level kept, in four batches, while there are GPUs for three."""
    checkout = Checkout(tmp_path_factory.mktemp("undisturbed"), cluster.environment)
    checkout.configure(pairs_per_job=2)
    seen = len(cluster.trace())
    finished = checkout.run(*COMMAND)
    assert finished.returncode == 0, finished.stdout
    return checkout, cluster.trace()[seen:]


def test_the_bytes_are_those_of_a_local_run(undisturbed, local):
    checkout, _ = undisturbed
    assert checkout.made() == local


def test_every_batch_is_one_job_and_every_job_has_a_gpu_of_its_own(undisturbed):
    _, trace = undisturbed
    spans = defaultdict(list)
    for _, moment, job, node, *gpu in trace:
        spans[job, node, *gpu].append(float(moment))
    assert len(spans) == 4
    used = defaultdict(list)
    for (_, node, gpu), moments in spans.items():
        assert int(gpu) < GPUS[node]
        used[node, gpu].append((min(moments), max(moments)))
    for times_of_gpu in used.values():
        for earlier, later in pairwise(sorted(times_of_gpu)):
            assert earlier[1] <= later[0]
    assert len(used) == sum(GPUS.values())


def test_what_is_harmed_afterwards_is_found_and_made_again(undisturbed, local):
    checkout, _ = undisturbed
    pair1, pair4, pair5 = (checkout.results / "hierarchical" / f"pair{n}" for n in (1, 4, 5))
    before = times(checkout.results)
    truncated, flipped, deleted = pair1 / "level2.h5", pair4 / "nnf.h5", pair5 / "level1.h5"
    truncated.write_bytes(truncated.read_bytes()[:-1000])
    content = bytearray(flipped.read_bytes())
    content[len(content) // 2] ^= 1
    flipped.write_bytes(content)
    deleted.unlink()

    verified = checkout.run("dia", "verify")
    assert verified.returncode == 1
    harmed = {str(path.relative_to(checkout.results)) for path in (truncated, flipped, deleted)}
    assert {name for name in before if f"results/{name}:" in verified.stdout} == harmed
    finished = checkout.run(*COMMAND)
    assert finished.returncode == 0, finished.stdout
    assert checkout.rewritten(before) == harmed
    assert checkout.made() == local
    assert checkout.run("dia", "verify").returncode == 0


def test_a_pair_that_is_asked_for_by_its_name_is_one_job(cluster, checkout, local):
    checkout.configure(pairs_per_job=2, checkpoint="pair")
    seen = len(cluster.trace())
    finished = checkout.run(*COMMAND, "pair3")
    assert finished.returncode == 0, finished.stdout
    assert len({job for _, _, job, *_ in cluster.trace()[seen:]}) == 1
    folder = checkout.results / "hierarchical"
    assert {path.name for path in folder.iterdir()} == {"pair3", "pair4"}
    made = (folder / "pair3/a_prime.png").read_bytes()
    assert made == local["hierarchical/pair3/a_prime.png"]


def test_broken_image_cancelled_job_and_lost_daemon_in_one_run(cluster, checkout, local_results):
    """The broken image is in the middle of the second of three batches."""
    checkout.configure(pairs_per_job=3, checkpoint="pair")
    image = checkout.folder / "images/a5.png"
    whole = image.read_bytes()
    image.write_bytes(whole[:100])

    snakemake = checkout.start(*COMMAND)
    wait_until(lambda: fields(checkout) > 0, 60)
    at_fault = times(checkout.results)
    (first, _), *_ = running(cluster)
    cluster.run("scancel", first)
    cluster.stop_daemon("n2")
    cluster.start_node("n2")
    output, _ = snakemake.communicate(timeout=300)

    assert state(cluster, first) == "CANCELLED"
    assert snakemake.returncode != 0
    assert "hierarchical/pair5: failed in pair: images/a5.png" in output
    assert checkout.rewritten(at_fault) == set()
    others = {name: data for name, data in local_results.items() if "/pair5/" not in name}
    assert checkout.made() == others

    image.write_bytes(whole)
    before = times(checkout.results)
    again = checkout.run(*COMMAND)
    assert again.returncode == 0, again.stdout
    assert checkout.rewritten(before) == set()
    assert checkout.made() == local_results


def test_snakemake_killed_while_its_job_runs_on(cluster, checkout, local_results):
    """The first job is held until the second runs too, so that both write the same files."""
    checkout.configure(pairs_per_job=PAIRS, checkpoint="pair")
    snakemake = checkout.start(*COMMAND)
    wait_until(lambda: fields(checkout) > 0, 60)
    ((first, _),) = running(cluster)
    cluster.run("scontrol", "suspend", first)
    at_fault = times(checkout.results)
    snakemake.kill()
    snakemake.communicate()

    snakemake = checkout.start(*COMMAND)
    wait_until(lambda: len(running(cluster)) == 1, 60)
    ((second, _),) = running(cluster)
    cluster.run("scontrol", "resume", first)
    output, _ = snakemake.communicate(timeout=300)
    wait_until(lambda: not running(cluster), 60)

    assert state(cluster, first) == state(cluster, second) == "COMPLETED"
    assert snakemake.returncode == 0, output
    assert checkout.rewritten(at_fault) == set()
    assert checkout.made() == local_results


def test_a_lost_node_costs_the_pair_in_flight(cluster, checkout, local_results):
    checkout.configure(pairs_per_job=PAIRS, checkpoint="pair")
    snakemake = checkout.start(*COMMAND)
    wait_until(lambda: fields(checkout) > 0, 60)
    ((job, node),) = running(cluster)
    cluster.kill_node(node)
    at_fault = times(checkout.results)
    cluster.run("scontrol", "update", f"NodeName={node}", "State=DOWN", "Reason=lost")
    try:
        output, _ = snakemake.communicate(timeout=300)
    finally:
        cluster.start_node(node)

    assert state(cluster, job) == "COMPLETED"
    assert snakemake.returncode == 0, output
    assert checkout.rewritten(at_fault) == set()
    assert checkout.made() == local_results


def test_a_full_disk_is_named_and_work_resumes_when_there_is_room(checkout, local_results):
    """There is room for the first of the pairs and no more."""
    checkout.configure(pairs_per_job=PAIRS, checkpoint="pair")
    first = sum(len(data) for name, data in local_results.items() if "/pair1/nnf.h5" in name)
    checkout.results.mkdir()
    disk = str(checkout.results)
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={2 * first}", "tmpfs", disk])
    if mounted.returncode != 0:
        pytest.skip("no small disk can be mounted here")
    try:
        failed = checkout.run(*COMMAND, "--retries", "0")
        assert failed.returncode != 0
        assert "No space left on device" in failed.stdout
        before = times(checkout.results)
        assert fields(checkout) > 0
        subprocess.run(["mount", "-o", "remount,size=1g", disk], check=True)
        again = checkout.run(*COMMAND)
        assert again.returncode == 0, again.stdout
        assert checkout.rewritten(before) == set()
        assert checkout.made() == local_results
    finally:
        subprocess.run(["umount", "--lazy", disk], check=True)


def test_another_engine_through_the_generic_profile(checkout, local_results):
    checkout.configure(pairs_per_job=PAIRS // 2, checkpoint="pair")
    finished = checkout.run("snakemake", "--profile", "generic")
    assert finished.returncode == 0, finished.stdout
    assert checkout.made() == local_results
