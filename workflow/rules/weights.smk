# Which weights a backbone stands for: decided once, then the same for the whole run.


rule weights:
    output:
        f"{PLAN.results}/weights/{{backbone}}.json",
    localrule: True
    conda:
        "../envs/dia.yaml"
    shell:
        "dia weights --backbone {wildcards.backbone} --output {output:q}"
