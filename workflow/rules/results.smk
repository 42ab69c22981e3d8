# The end of a run, and what is asked for of it.


# The last receipts of all pairs and sequences.
LAST = [
    *(
        PLAN.receipt("aggregate", variant, batch)
        for variant in PLAN.variants
        for batch in PLAN.batches
    ),
    *(
        PLAN.sequence_receipt("video", variant, sequence)
        for variant in PLAN.variants
        for sequence in PLAN.sequences
    ),
]


# Fails if a pair or frame failed, after naming every such one and letting the next run try it again.
rule summary:
    input:
        LAST,
    output:
        PLAN.summary,
    localrule: True
    conda:
        "../envs/dia.yaml"
    params:
        plan=plan,
    shell:
        "dia stage summary --plan {params.plan:q}"


# `snakemake results/VARIANT/NAME/a_prime.png`: looks whether a result is there, and says why if it
# is not. `update` has Snakemake leave the file where it is. What the command line does not name may
# be given, and is no output of this rule.
rule result:
    input:
        receipt_of_result,
    output:
        update(f"{PLAN.results}/{{variant}}/{{name}}/{{file}}"),
    wildcard_constraints:
        name="|".join(map(re.escape, NAMED)) or "(?!)",
        file=".+",
    localrule: True
    conda:
        "../envs/dia.yaml"
    params:
        plan=plan,
    shell:
        "dia stage result --plan {params.plan:q} --file {output:q}"
