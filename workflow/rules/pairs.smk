# A pair, as in figure 4 of the paper: features, level 5 to level 1, and of these the images.
#
# A job works a stage for a batch of pairs. Its output is a receipt alone: what a failed or killed job
# has finished is never deleted, and is skipped when the job runs again. The first rule says what all
# have in common, the others what they need and how much of the machine they take.


rule features:
    input:
        weights=weights,
        images=images,
    output:
        job_file("receipts", "{stage}"),
    log:
        job_file("logs", "{stage}"),
    wildcard_constraints:
        stage="features",
    conda:
        "../envs/dia.yaml"
    threads: 2
    resources:
        gpu=GPU,
        mem_mb=megabytes(4000),
        runtime=minutes(per_pair=1),
    params:
        plan=plan,
        settings=settings,
        given=given,
    shell:
        "dia stage {wildcards.stage} --plan {params.plan:q} --variant {wildcards.variant}"
        " --batch {wildcards.batch} --threads {threads} 2>&1 | tee {log:q}"


# Five times, each time from the next coarser one.
use rule features as level with:
    input:
        weights=weights,
        previous=previous,
    wildcard_constraints:
        stage="level[1-5]",
    resources:
        gpu=GPU,
        mem_mb=megabytes(6000),
        runtime=minutes(per_pair=1),


use rule features as aggregate with:
    input:
        previous=previous,
    wildcard_constraints:
        stage="aggregate",
    threads: 1
    resources:
        gpu=0,
        mem_mb=megabytes(3000, composing),
        runtime=minutes(per_pair=1),


# With `checkpoint: pair`, and for matchers that work on the images themselves, this takes the place
# of features and levels. In a batch of both kinds of matchers it follows these.
use rule features as pair with:
    input:
        weights=weights,
        images=images,
        previous=previous,
    wildcard_constraints:
        stage="pair",
    resources:
        gpu=GPU,
        mem_mb=megabytes(6000),
        runtime=minutes(per_pair=5),


# What is known of a pair, against what was made of it.
use rule features as measure with:
    input:
        weights=PLAN.weights(PLAN.common.backbone),
        previous=previous,
        truth=truth,
    wildcard_constraints:
        stage="measure",
    threads: 1
    resources:
        gpu=0,
        mem_mb=megabytes(3000, composing),
        runtime=minutes(per_pair=1),
