# What the variants are worth: pairs whose truth is known, and how the variants compare.


if PLAN.config.synthetic is not None:

    rule synthetic:
        output:
            PLAN.synthetic_receipt,
        localrule: True
        conda:
            "../envs/dia.yaml"
        params:
            plan=plan,
            options=PLAN.config.synthetic,
        shell:
            "dia stage synthetic --plan {params.plan:q}"


# Writes tables and figures; fails, as the summary does, if a pair could not be measured.
rule compare:
    input:
        [
            PLAN.receipt("measure", variant, batch)
            for variant in PLAN.variants
            for batch in PLAN.batches
        ],
    output:
        PLAN.comparison,
    localrule: True
    conda:
        "../envs/dia.yaml"
    params:
        plan=plan,
    shell:
        "dia stage compare --plan {params.plan:q}"
