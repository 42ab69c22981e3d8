# Which weights a backbone stands for: decided once, then the same for the whole run.


localrules:
    weights,


rule weights:
    output:
        f"{PLAN.results}/weights/{{backbone}}.json",
    shell:
        "dia weights --backbone {wildcards.backbone} --output {output}"
