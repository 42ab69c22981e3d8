# From the pictures to the nearest-neighbour fields. The declared outputs are receipts only: what
# a failed or killed job has finished is never deleted, and is skipped when the job runs again.


rule features:
    input:
        weights=weights,
        pictures=pictures,
    output:
        f"{PLAN.results}/receipts/features/{{variant}}/{{batch}}.json",
    log:
        f"{PLAN.results}/logs/features/{{variant}}/{{batch}}.log",
    benchmark:
        f"{PLAN.results}/benchmarks/features/{{variant}}/{{batch}}.tsv"
    threads: 2
    resources:
        gpu=GPU,
        mem_mb=megabytes(4000),
        runtime=minutes(per_pair=1),
    params:
        plan=plan,
        settings=settings("features"),
    shell:
        "dia stage features --plan {params.plan} --variant {wildcards.variant} --batch {wildcards.batch}"
        " --threads {threads} 2>&1 | tee {log}"


rule level:
    input:
        weights=weights,
        previous=previous("level{level}"),
    output:
        f"{PLAN.results}/receipts/level{{level}}/{{variant}}/{{batch}}.json",
    log:
        f"{PLAN.results}/logs/level{{level}}/{{variant}}/{{batch}}.log",
    benchmark:
        f"{PLAN.results}/benchmarks/level{{level}}/{{variant}}/{{batch}}.tsv"
    threads: 2
    resources:
        gpu=GPU,
        mem_mb=megabytes(6000),
        runtime=minutes(per_pair=1),
    params:
        plan=plan,
        settings=settings("level{level}"),
    shell:
        "dia stage level{wildcards.level} --plan {params.plan} --variant {wildcards.variant}"
        " --batch {wildcards.batch} --threads {threads} 2>&1 | tee {log}"


# With `checkpoint: pair` this takes the place of the two rules above.
rule pair:
    input:
        weights=weights,
        pictures=pictures,
    output:
        f"{PLAN.results}/receipts/pair/{{variant}}/{{batch}}.json",
    log:
        f"{PLAN.results}/logs/pair/{{variant}}/{{batch}}.log",
    benchmark:
        f"{PLAN.results}/benchmarks/pair/{{variant}}/{{batch}}.tsv"
    threads: 2
    resources:
        gpu=GPU,
        mem_mb=megabytes(6000),
        runtime=minutes(per_pair=5),
    params:
        plan=plan,
        settings=settings("pair"),
    shell:
        "dia stage pair --plan {params.plan} --variant {wildcards.variant} --batch {wildcards.batch}"
        " --threads {threads} 2>&1 | tee {log}"
