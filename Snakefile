# `snakemake` in a checkout. The workflow itself is in workflow/.


include: "workflow/Snakefile"


rule default:
    default_target: True
    input:
        rules.all.input,
