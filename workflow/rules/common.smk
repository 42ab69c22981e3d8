# The plan of the run: the valid configuration, dealt out in batches.

import functools
import json
import os
import re
import sys
from contextlib import contextmanager
from itertools import chain
from pathlib import Path

from snakemake.exceptions import WorkflowError

from dia_pipeline.errors import DiaError
from dia_pipeline.io.files import check_folder, check_place
from dia_pipeline.runs.begun import begin
from dia_pipeline.runs.config import load_config
from dia_pipeline.runs.damage import damaged_state
from dia_pipeline.runs.lock import hold_lock
from dia_pipeline.runs.places import check_apart
from dia_pipeline.runs.plan import WHOLE, Plan
from dia_pipeline.runs.summary import receipts_of_failures
from dia_pipeline.text import for_terminal

# Jobs find the `dia` that is installed beside Snakemake, also where no environment is activated.
os.environ.update(
    PATH=f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', os.defpath)}"
)

# What messages call the configuration; modules say it. What the command line says is of none of
# these files.
GIVEN = {} if "source" in config else workflow.config_settings.config
SOURCE = config.pop(
    "source", ", ".join(map(str, workflow.overwrite_configfiles or workflow.configfiles))
)


@contextmanager
def in_words():
    """Expected errors as Snakemake shows them: without a traceback."""
    try:
        yield
    except DiaError as error:
        raise WorkflowError(for_terminal(str(error))) from error


# A job is given the plan by which it was planned, whatever the configuration says by now.
PLANNED = None if workflow.is_main_process else config.pop("plan", None)

with in_words():
    PLAN = Plan.read(PLANNED) if PLANNED else Plan(load_config(config, source=SOURCE, given=GIVEN))
    check_place(PLAN.results)

GPU = 0 if PLAN.config.device == "cpu" else 1


wildcard_constraints:
    variant="|".join(map(re.escape, PLAN.variants)),
    batch=r"\d+",
    sequence="|".join(map(re.escape, PLAN.sequences)) or "(?!)",


def job_file(kind, stage, *names):
    """The pattern of a file of the jobs of a stage."""
    return str(PLAN.job_file(kind, stage, "{variant}", *(names or ["{batch}"])))


def images(wildcards):
    return PLAN.inputs(PLAN.images(wildcards.batch))


def weights(wildcards):
    backbones = PLAN.backbones(wildcards.variant, wildcards.batch)
    return [PLAN.weights(backbone) for backbone in backbones]


def truth(wildcards):
    return PLAN.inputs(PLAN.truth_files(wildcards.batch))


def previous(wildcards):
    """The receipt of the stage before, if there is one."""
    return PLAN.receipts_before(wildcards.stage, wildcards.variant, wildcards.batch)


def plan(wildcards, output):
    """The file of the plan.

    Snakemake takes a parameter that knows the output for derived from it: an edited configuration
    reruns what it changes and nothing else.
    """
    return PLANNED or PLAN.path


@functools.cache
def plan_damaged():
    """Have Snakemake plan anew what leaves a file of state that is damaged.

    It removes the file when that job begins; nothing is written or removed before.
    """
    with in_words():
        found = damaged_state(PLAN)
    for path in found:
        print(for_terminal(f"{path}: the file is damaged and is made again"), file=sys.stderr)
    if found:  # what no job makes is made when a run begins, and a run has an end
        forced = (*found, PLAN.summary, PLAN.comparison)
        workflow.dag.forcefiles.update(map(str, forced))


def begin_run(name):
    """Begin the run of the plan, and hand it to the jobs under the name that they know it by."""
    if workflow.touch:  # which makes nothing, but would make empty folders
        if not PLAN.results.is_dir():
            problem = "nothing is made yet that --touch could touch"
            raise WorkflowError(for_terminal(f"{PLAN.results}: {problem}"))
        return
    with in_words():
        check_folder(PLAN.results)
        hold_lock(PLAN.lock)
        path = begin(PLAN)
    if note := PLAN.note_on_sizes():
        print(for_terminal(note), file=sys.stderr)
    told = f"{name}={json.dumps(str(path))}"
    workflow.config_settings.config_args = [*workflow.config_settings.config_args, told]


def settings(wildcards):
    """A digest of what decides a stage of a batch: a changed one reruns the stage."""
    return PLAN.decides(wildcards.stage, wildcards.variant, wildcards.batch)


def given(wildcards):
    """What shows that a file that a stage is given was replaced, also by an older one."""
    if wildcards.stage == "measure":
        return PLAN.signature(PLAN.truth_files(wildcards.batch))
    return "" if previous(wildcards) else PLAN.signature(PLAN.images(wildcards.batch))


def minutes(per_pair):
    """The time limit of a batch, doubled with every attempt."""
    return lambda wildcards, attempt: (
        (10 + per_pair * len(PLAN.batches[wildcards.batch])) * 2 ** (attempt - 1)
    )


def megabytes(memory, foreseen=lambda wildcards: 0):
    """The memory limit of a job, beside what is foreseen of it; doubled with every attempt."""
    return lambda wildcards, attempt: (memory + foreseen(wildcards)) * 2 ** (attempt - 1)


def composing(wildcards):
    """What putting images together takes, which grows with their full size."""
    return PLAN.megabytes_to_compose(wildcards.variant, wildcards.batch)


def sequence_file(kind):
    """The pattern of a file of the jobs of sequences, or of their chunks."""
    return job_file(kind, "{stage}", "{sequence}", "{chunk}")


def chunk_of(wildcards):
    """The chunk of a job; empty where that works a whole sequence."""
    return "" if wildcards.chunk == WHOLE else wildcards.chunk


def sequence_images(wildcards):
    """What of a sequence's images there is; what lacks is a gap in the video."""
    return [path for path in PLAN.sequences[wildcards.sequence].files if os.path.exists(path)]


def sequence_weights(wildcards):
    sequence = PLAN.sequences[wildcards.sequence]
    return PLAN.weights(PLAN.settings(wildcards.variant, sequence).backbone)


def sequence_before(wildcards):
    """The receipts that a stage of a sequence, or of a chunk, builds on."""
    return PLAN.sequence_receipts_before(
        wildcards.stage, wildcards.variant, wildcards.sequence, chunk_of(wildcards)
    )


def sequence_settings(wildcards):
    return PLAN.sequence_decides(wildcards.variant, wildcards.sequence)


def sequence_given(wildcards):
    """What shows that an image was replaced. The first stage is given them."""
    return PLAN.signature(sequence_images(wildcards)) if wildcards.stage == "prepare" else ""


def sequence_minutes(per_frame):
    """The time limit for a job's frames, doubled with every attempt."""

    def limit(wildcards, attempt):
        sequence = PLAN.sequences[wildcards.sequence]
        chunk = sequence.chunks.get(wildcards.chunk)
        count = chunk.end - chunk.start if chunk else len(sequence.frames)
        return int((10 + per_frame * count) * 2 ** (attempt - 1))

    return limit


def everything(wildcards):
    """All that is made, to the end of a run; `--batch all=1/3` makes a part of it.

    A table without rows is wrong only where it is to be processed.
    """
    if not PLAN.config.pairs and not PLAN.sequences:
        table = config.get("pairs") or config["sequences"]
        problem = "the table has no rows yet; add one for each pair or sequence"
        raise WorkflowError(for_terminal(f"{table}: {problem}"))
    plan_damaged()
    return [*LAST, PLAN.summary]


# The pairs and sequences that the command line names, by themselves or in a path.
NAMED = sorted(
    {
        part
        for word in sys.argv[1:]
        for part in Path(word).parts
        if part in PLAN.batch_of or part in PLAN.sequences
    }
)


def results_of(name):
    """What a pair or sequence is asked for by: its first result in every variant."""
    first = PLAN.sequences[name].film if name in PLAN.sequences else "a_prime.png"
    return [PLAN.results / variant / name / first for variant in PLAN.variants]


def receipt_of_result(wildcards):
    """The last receipt of what makes a result. Jobs run again where it is gone, or had failed."""
    plan_damaged()
    variant, name = wildcards.variant, wildcards.name
    *_, last = PLAN.receipts_of(variant, name)
    again = receipts_of_failures(PLAN, variant, name)
    if not (PLAN.results / variant / name / wildcards.file).exists():
        again = [*again, last]
    workflow.dag.forcefiles.update(map(str, again))
    return last
