# From the images to the nearest-neighbour fields. The declared outputs are receipts only: what
# a failed or killed job has finished is never deleted, and is skipped when the job runs again.


rule features:
    input:
        weights=weights,
        images=images,
    output:
        job_file("receipts", "features"),
    log:
        job_file("logs", "features"),
    conda:
        "../envs/dia.yaml"
    threads: 2
    resources:
        gpu=GPU,
        mem_mb=megabytes(4000),
        runtime=minutes(per_pair=1),
    params:
        plan=plan,
        settings=settings("features"),
        given=given(PLAN.images),
    shell:
        "dia stage features --plan {params.plan:q} --variant {wildcards.variant} --batch {wildcards.batch}"
        " --threads {threads} 2>&1 | tee {log:q}"


rule level:
    input:
        weights=weights,
        previous=previous("level{level}"),
    output:
        job_file("receipts", "level{level}"),
    log:
        job_file("logs", "level{level}"),
    conda:
        "../envs/dia.yaml"
    threads: 2
    resources:
        gpu=GPU,
        mem_mb=megabytes(6000),
        runtime=minutes(per_pair=1),
    params:
        plan=plan,
        settings=settings("level{level}"),
    shell:
        "dia stage level{wildcards.level} --plan {params.plan:q} --variant {wildcards.variant}"
        " --batch {wildcards.batch} --threads {threads} 2>&1 | tee {log:q}"


# With `checkpoint: pair` this takes the place of the two rules above.
rule pair:
    input:
        weights=weights,
        images=images,
    output:
        job_file("receipts", "pair"),
    log:
        job_file("logs", "pair"),
    conda:
        "../envs/dia.yaml"
    threads: 2
    resources:
        gpu=GPU,
        mem_mb=megabytes(6000),
        runtime=minutes(per_pair=5),
    params:
        plan=plan,
        settings=settings("pair"),
        given=given(PLAN.images),
    shell:
        "dia stage pair --plan {params.plan:q} --variant {wildcards.variant} --batch {wildcards.batch}"
        " --threads {threads} 2>&1 | tee {log:q}"
