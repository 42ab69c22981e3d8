# Deep image analogy over many pairs and sequences. Every rule's command is a stage of the package `dia_pipeline`.

from pathlib import Path

from snakemake.common.configfile import load_configfile
from snakemake.exceptions import WorkflowError


configfile: "config/config.yaml"


ABLATION = config.pop("ablation", "config/ablation.yaml")


include: "workflow/pipeline.smk"


onstart:
    hold_lock(PLAN.results / ".lock")


def everything(wildcards):
    """The end of a run; a table without rows is wrong only where it is to be processed."""
    if not PLAN.config.pairs and not PLAN.sequences:
        table = config.get("pairs") or config["sequences"]
        raise WorkflowError(
            f"{table}: the table has no rows yet; add one for each pair or sequence"
        )
    return PLAN.summary


rule all:
    default_target: True
    input:
        everything,


# `snakemake ablation`: the same rules over a configuration of their own.
if Path(ABLATION).exists():

    module ablation:
        snakefile:
            "workflow/pipeline.smk"
        config:
            {**load_configfile(ABLATION), "source": ABLATION}

    use rule * from ablation as ablation_*

    # There are always other jobs for the other cores, and times of one thread compare.
    use rule pair from ablation as ablation_pair with:
        threads: 1

    rule ablation:
        input:
            rules.ablation_compare.output,
