# All rules of a run. They see its configuration as `config`, and nothing else of their caller.


include: "rules/common.smk"
include: "rules/report.smk"
include: "rules/weights.smk"
include: "rules/levels.smk"
include: "rules/sequences.smk"
include: "rules/results.smk"
include: "rules/measures.smk"
