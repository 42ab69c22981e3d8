# Sequences of frames: every stage of a sequence, or of one of its chunks, leaves one receipt.

from dia_pipeline.runs.plan import WHOLE

DIA_SEQUENCE = (
    "dia stage {stage} --plan {{params.plan:q}} --variant {{wildcards.variant}}"
    " --sequence {{wildcards.sequence}} --threads {{threads}}"
)


wildcard_constraints:
    sequence="|".join(map(re.escape, PLAN.sequences)) or "(?!)",
    chunk=r"\d+",


def sequence_file(kind, stage, chunk=WHOLE):
    """The pattern of a file of the jobs of a stage of sequences, or of their chunks."""
    return job_file(kind, stage, "{sequence}", chunk)


def sequence_images(wildcards):
    """What of a sequence's images there is; what lacks is a gap in the video."""
    return [path for path in PLAN.sequences[wildcards.sequence].files if os.path.exists(path)]


def sequence_weights(wildcards):
    sequence = PLAN.sequences[wildcards.sequence]
    return PLAN.weights(PLAN.settings(wildcards.variant, sequence).backbone)


def sequence_before(stage):
    """The receipts that a stage of a sequence, or of a chunk, builds on."""
    return lambda wildcards: PLAN.sequence_receipts_before(stage, **wildcards_of(wildcards))


def wildcards_of(wildcards):
    return {
        "variant": wildcards.variant,
        "name": wildcards.sequence,
        "chunk": wildcards.get("chunk", ""),
    }


def sequence_settings(wildcards):
    return PLAN.sequence_decides(wildcards.variant, wildcards.sequence)


def sequence_minutes(per_frame):
    """The time limit for a job's frames, doubled with every attempt."""

    def limit(wildcards, attempt):
        sequence = PLAN.sequences[wildcards.sequence]
        chunk = sequence.chunks.get(wildcards.get("chunk"))
        count = chunk.end - chunk.start if chunk else len(sequence.frames)
        return int((10 + per_frame * count) * 2 ** (attempt - 1))

    return limit


rule prepare:
    input:
        weights=sequence_weights,
        images=sequence_images,
    output:
        sequence_file("receipts", "prepare"),
    log:
        sequence_file("logs", "prepare"),
    benchmark:
        sequence_file("benchmarks", "prepare")
    threads: 2
    resources:
        gpu=GPU,
        mem_mb=megabytes(6000),
        runtime=sequence_minutes(per_frame=0.1),
    params:
        plan=plan,
        settings=sequence_settings,
    shell:
        DIA_SEQUENCE.format(stage="prepare") + " 2>&1 | tee {log:q}"


rule match:
    input:
        previous=sequence_before("match"),
    output:
        sequence_file("receipts", "match", "{chunk}"),
    log:
        sequence_file("logs", "match", "{chunk}"),
    benchmark:
        sequence_file("benchmarks", "match", "{chunk}")
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
    benchmark:
        sequence_file("benchmarks", "frames", "{chunk}")
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
    benchmark:
        sequence_file("benchmarks", "video")
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
