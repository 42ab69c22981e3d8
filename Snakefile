# Deep image analogy over many pairs and sequences. Every rule's command is a stage of the package `dia_pipeline`.


configfile: "config/config.yaml"


include: "workflow/rules/common.smk"
include: "workflow/rules/weights.smk"
include: "workflow/rules/levels.smk"
include: "workflow/rules/sequences.smk"
include: "workflow/rules/results.smk"


rule all:
    default_target: True
    input:
        PLAN.summary,
