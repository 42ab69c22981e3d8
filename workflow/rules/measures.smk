# What the variants are worth: measures of their results, and how they compare.


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


rule measure:
    input:
        weights=PLAN.weights(PLAN.common.backbone),
        previous=previous("measure"),
        truth=lambda wildcards: PLAN.inputs(PLAN.truth_files(wildcards.batch)),
    output:
        job_file("receipts", "measure"),
    log:
        job_file("logs", "measure"),
    conda:
        "../envs/dia.yaml"
    threads: 1
    resources:
        gpu=0,
        mem_mb=megabytes(3000, composing),
        runtime=minutes(per_pair=1),
    params:
        plan=plan,
        settings=settings("measure"),
        given=given(PLAN.truth_files),
    shell:
        "dia stage measure --plan {params.plan:q} --variant {wildcards.variant} --batch {wildcards.batch}"
        " --threads {threads} 2>&1 | tee {log:q}"


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
