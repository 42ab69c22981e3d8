# The plan of the run: the valid configuration, dealt out in batches.

import functools
import os
import re
import sys
from pathlib import Path

from snakemake.exceptions import WorkflowError

from dia_pipeline.errors import DiaError
from dia_pipeline.io.files import check_folder
from dia_pipeline.runs.config import load_config
from dia_pipeline.runs.damage import withdraw_damaged
from dia_pipeline.runs.lock import hold_lock
from dia_pipeline.runs.plan import WHOLE, Plan

# Jobs find the `dia` that is installed beside Snakemake, also where no environment is activated.
os.environ.update(
    PATH=f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', os.defpath)}"
)

# What messages call the configuration; modules say it.
SOURCE = config.pop(
    "source", ", ".join(map(str, workflow.overwrite_configfiles or workflow.configfiles))
)

try:
    PLAN = Plan(load_config(config, source=SOURCE))
    if workflow.is_main_process:
        check_folder(PLAN.results)
        # What is damaged counts as missing, so that it is made again.
        for path in withdraw_damaged(PLAN):
            print(f"{path}: the file is damaged and is made again", file=sys.stderr)
except DiaError as error:
    raise WorkflowError(str(error))

write_plan = functools.cache(PLAN.write)

GPU = 0 if PLAN.config.device == "cpu" else 1


wildcard_constraints:
    variant="|".join(map(re.escape, PLAN.variants)),
    batch=r"\d+",
    level="[1-5]",
    sequence="|".join(map(re.escape, PLAN.sequences)) or "(?!)",
    chunk=r"\d+",


def job_file(kind, stage, *names):
    """The pattern of a file of the jobs of a stage."""
    return str(PLAN.job_file(kind, stage, "{variant}", *(names or ["{batch}"])))


def images(wildcards):
    return PLAN.inputs(PLAN.images(wildcards.batch))


def weights(wildcards):
    backbones = PLAN.backbones(wildcards.variant, wildcards.batch)
    return [PLAN.weights(backbone) for backbone in backbones]


def previous(stage):
    """The receipt of the stage before, which may depend on the wildcard `level`."""
    return lambda wildcards: PLAN.previous_receipt(
        stage.format(**wildcards), wildcards.variant, wildcards.batch
    )


def plan(wildcards, output):
    """The file of the plan, written when a job is first planned.

    Snakemake takes a parameter that knows the output for derived from it: an edited configuration
    reruns what it changes and nothing else.
    """
    return write_plan()


def settings(stage):
    """A digest of what decides a stage of a batch: a changed one reruns the stage."""
    return lambda wildcards: PLAN.decides(
        stage.format(**wildcards), wildcards.variant, wildcards.batch
    )


def given(files):
    """What shows that one of a batch's files was replaced, also by an older one.

    Args:
        files: those that the plan names of a batch.
    """
    return lambda wildcards: PLAN.signature(files(wildcards.batch))


def given_sequence(wildcards):
    return PLAN.signature(sequence_images(wildcards))


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


def sequence_file(kind, stage, chunk=WHOLE):
    """The pattern of a file of the jobs of a stage of sequences, or of their chunks."""
    return job_file(kind, stage, "{sequence}", chunk)


def sequence_images(wildcards):
    """What of a sequence's images there is; what lacks is a gap in the video."""
    return [path for path in PLAN.sequences[wildcards.sequence].files if os.path.exists(path)]


def sequence_weights(wildcards):
    sequence = PLAN.sequences[wildcards.sequence]
    return PLAN.weights(PLAN.settings(wildcards.variant, sequence).backbone)


def sequence_before(stage):
    """The receipts that a stage of a sequence, or of a chunk, builds on."""
    return lambda wildcards: PLAN.sequence_receipts_before(stage, **wildcards_of(wildcards))


def wildcards_of(wildcards):
    return {
        "variant": wildcards.variant,
        "name": wildcards.sequence,
        "chunk": wildcards.get("chunk", ""),
    }


def sequence_settings(wildcards):
    return PLAN.sequence_decides(wildcards.variant, wildcards.sequence)


def sequence_minutes(per_frame):
    """The time limit for a job's frames, doubled with every attempt."""

    def limit(wildcards, attempt):
        sequence = PLAN.sequences[wildcards.sequence]
        chunk = sequence.chunks.get(wildcards.get("chunk"))
        count = chunk.end - chunk.start if chunk else len(sequence.frames)
        return int((10 + per_frame * count) * 2 ** (attempt - 1))

    return limit


def everything(wildcards):
    """The end of a run; a table without rows is wrong only where it is to be processed."""
    if not PLAN.config.pairs and not PLAN.sequences:
        table = config.get("pairs") or config["sequences"]
        raise WorkflowError(
            f"{table}: the table has no rows yet; add one for each pair or sequence"
        )
    return PLAN.summary
