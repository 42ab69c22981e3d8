# `snakemake` in a checkout. The workflow itself is in workflow/.


include: "workflow/Snakefile"


# What is included cannot say itself what is made by default.
workflow.default_target = "all"
