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
from dia_pipeline.runs.plan import Plan

# Jobs find the `dia` that is installed beside Snakemake, also where no environment is activated.
os.environ["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"

# What messages call the configuration; modules say it.
SOURCE = config.pop(
    "source", ", ".join(map(str, workflow.overwrite_configfiles or workflow.configfiles))
)

try:
    PLAN = Plan(
        load_config(
            config,
            schemas=Path(workflow.basedir, "workflow", "schemas"),
            source=SOURCE,
        )
    )
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
