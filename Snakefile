# Deep image analogy over many pairs and sequences. Every rule's command is a stage of the package `dia_pipeline`.

from pathlib import Path

from snakemake.common.configfile import load_configfile


configfile: "config/config.yaml"


ABLATION = config.pop("ablation", "config/ablation.yaml")


include: "workflow/pipeline.smk"


rule all:
    default_target: True
    input:
        PLAN.summary,


# `snakemake ablation`: the same rules over a configuration of their own.
if Path(ABLATION).exists():

    module ablation:
        snakefile:
            "workflow/pipeline.smk"
        config:
            {**load_configfile(ABLATION), "source": ABLATION}

    use rule * from ablation as ablation_*

    rule ablation:
        input:
            rules.ablation_compare.output,
