# From the fields to the images, and the end of a run.


rule aggregate:
    input:
        previous=previous("aggregate"),
    output:
        job_file("receipts", "aggregate"),
    log:
        job_file("logs", "aggregate"),
    conda:
        "../envs/dia.yaml"
    threads: 1
    resources:
        gpu=0,
        mem_mb=megabytes(3000, composing),
        runtime=minutes(per_pair=1),
    params:
        plan=plan,
        settings=settings("aggregate"),
    shell:
        "dia stage aggregate --plan {params.plan:q} --variant {wildcards.variant} --batch {wildcards.batch}"
        " --threads {threads} 2>&1 | tee {log:q}"


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
