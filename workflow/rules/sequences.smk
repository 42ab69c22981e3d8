# Sequences of frames: every stage of a sequence, or of one of its chunks, leaves one receipt.

DIA_SEQUENCE = (
    "dia stage {stage} --plan {{params.plan:q}} --variant {{wildcards.variant}}"
    " --sequence {{wildcards.sequence}} --threads {{threads}}"
)


rule prepare:
    input:
        weights=sequence_weights,
        images=sequence_images,
    output:
        sequence_file("receipts", "prepare"),
    log:
        sequence_file("logs", "prepare"),
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
        given=given_sequence,
    shell:
        DIA_SEQUENCE.format(stage="prepare") + " 2>&1 | tee {log:q}"


rule match:
    input:
        previous=sequence_before("match"),
    output:
        sequence_file("receipts", "match", "{chunk}"),
    log:
        sequence_file("logs", "match", "{chunk}"),
    conda:
        "../envs/dia.yaml"
    threads: 2
    resources:
        gpu=GPU,
        mem_mb=megabytes(6000),
        runtime=sequence_minutes(per_frame=5),
    params:
        plan=plan,
        settings=sequence_settings,
    shell:
        DIA_SEQUENCE.format(stage="match") + " --chunk {wildcards.chunk} 2>&1 | tee {log:q}"


rule frames:
    input:
        previous=sequence_before("frames"),
    output:
        sequence_file("receipts", "frames", "{chunk}"),
    log:
        sequence_file("logs", "frames", "{chunk}"),
    conda:
        "../envs/dia.yaml"
    threads: 1
    resources:
        gpu=0,
        mem_mb=megabytes(4000),
        runtime=sequence_minutes(per_frame=1),
    params:
        plan=plan,
        settings=sequence_settings,
    shell:
        DIA_SEQUENCE.format(stage="frames") + " --chunk {wildcards.chunk} 2>&1 | tee {log:q}"


rule video:
    input:
        previous=sequence_before("video"),
    output:
        sequence_file("receipts", "video"),
    log:
        sequence_file("logs", "video"),
    conda:
        "../envs/dia.yaml"
    threads: 1
    resources:
        gpu=0,
        mem_mb=megabytes(4000),
        runtime=sequence_minutes(per_frame=0.1),
    params:
        plan=plan,
        settings=sequence_settings,
    shell:
        DIA_SEQUENCE.format(stage="video") + " 2>&1 | tee {log:q}"
