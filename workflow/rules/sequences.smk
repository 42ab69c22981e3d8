# A sequence: what is found out of its frames, their matches, the frames made of these, and the video.
#
# A job works a stage of a sequence, or of one of its chunks. As of pairs, its output is a receipt, and
# the first rule says what all have in common.


rule prepare:
    input:
        weights=sequence_weights,
        images=sequence_images,
    output:
        sequence_file("receipts"),
    log:
        sequence_file("logs"),
    wildcard_constraints:
        stage="prepare",
        chunk=WHOLE,
    conda:
        "../envs/dia.yaml"
    threads: 2
    resources:
        gpu=GPU,
        mem_mb=megabytes(6000),
        runtime=sequence_minutes(per_frame=0.1),
    params:
        plan=plan,
        settings=sequence_settings,
        given=sequence_given,
    shell:
        "dia stage {wildcards.stage} --plan {params.plan:q} --variant {wildcards.variant}"
        " --sequence {wildcards.sequence} --chunk {wildcards.chunk} --threads {threads} 2>&1 | tee {log:q}"


use rule prepare as match with:
    input:
        previous=sequence_before,
    wildcard_constraints:
        stage="match",
        chunk=r"\d+",
    resources:
        gpu=GPU,
        mem_mb=megabytes(6000),
        runtime=sequence_minutes(per_frame=5),


use rule prepare as frames with:
    input:
        previous=sequence_before,
    wildcard_constraints:
        stage="frames",
        chunk=r"\d+",
    threads: 1
    resources:
        gpu=0,
        mem_mb=megabytes(4000),
        runtime=sequence_minutes(per_frame=1),


use rule prepare as video with:
    input:
        previous=sequence_before,
    wildcard_constraints:
        stage="video",
        chunk=WHOLE,
    threads: 1
    resources:
        gpu=0,
        mem_mb=megabytes(4000),
        runtime=sequence_minutes(per_frame=0.1),
