# What `snakemake --report` shows. Snakemake removes outputs of jobs that fail, so pictures are none:
# they are inputs of the targets, and no rule makes them.

CAPTIONS = workflow.current_basedir.join("../report")


def shown(path, category, variant=None, **labels):
    """A file of the report; none if it is not there."""
    caption = CAPTIONS.join(f"{category}.rst")
    place = {"category": category.capitalize(), "subcategory": variant}
    return [report(str(path), caption, labels=labels, **place)] if path.exists() else []


def pictures(wildcards):
    """The pictures of the pairs and sequences of a run that has ended.

    The plan says which: one that the next run takes away would be missed at its end.
    """
    found = []
    for variant in PLAN.variants if PLAN.summary.exists() else ():
        for pair in PLAN.config.pairs:
            name = "sources" if PLAN.combines(variant, pair) else "overview"
            path = PLAN.folder(variant, pair) / f"{name}.png"
            found += shown(path, "pairs", variant, name=pair.name, shows=name)
        for sequence in PLAN.config.sequences:
            for name in ("contact_sheet", "flicker"):
                path = PLAN.folder(variant, sequence) / f"{name}.png"
                found += shown(path, "sequences", variant, name=sequence.name, shows=name)
    return found


def comparison(wildcards):
    """The end of a comparison; and its figures and measures, once it has ended."""
    plan_damaged()
    if not PLAN.comparison.exists():
        return [PLAN.comparison]
    folder = PLAN.results
    paths = [*folder.glob("*.png"), *folder.glob("figures/*.png"), folder / "measures.csv"]
    pictures = (shown(path, "comparison", name=path.stem) for path in sorted(paths))
    return [PLAN.comparison, *chain.from_iterable(pictures)]
