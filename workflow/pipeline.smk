# All rules of a run. They see its configuration as `config`, and nothing else of their caller.
#
# Rules that run where Snakemake does have no log: what they say is for the person who started it.
# `snakemake --lint` names those, and nothing else; tests/workflow/test_conventions.py holds that.


include: "rules/common.smk"
include: "rules/report.smk"
include: "rules/weights.smk"
include: "rules/pairs.smk"
include: "rules/sequences.smk"
include: "rules/results.smk"
include: "rules/measures.smk"
