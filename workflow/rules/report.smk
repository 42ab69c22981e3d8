# What `snakemake --report` shows. Snakemake removes outputs of jobs that fail, so pictures are none:
# they are inputs of the targets, and no rule makes them.

CAPTIONS = workflow.current_basedir.join("../report")


def shown(path, kind, group=None, **labels):
    """A file of the report, in a category and, by its variant, in a group of that."""
    caption = CAPTIONS.join(f"{kind}.rst")
    return report(
        str(path),
        caption=caption,
        category=kind.capitalize(),
        subcategory=group,
        labels=labels,
    )


def pictures(wildcards):
    """The pictures of the pairs and sequences of a run that has ended."""
    if not PLAN.summary.exists():
        return []
    kinds = {"pairs": PLAN.config.pairs, "sequences": PLAN.config.sequences}
    return [
        shown(path, kind, variant, name=row.name, shows=path.stem.replace("_", " "))
        for variant in PLAN.variants
        for kind, rows in kinds.items()
        for row in rows
        for name in ("overview", "sources", "contact_sheet", "flicker")
        if (path := PLAN.folder(variant, row) / f"{name}.png").exists()
    ]


def compared(comparison):
    """The figures and measures of a comparison that has ended, by the file that says so."""
    folder = Path(comparison).parent
    if not Path(comparison).exists():
        return []
    found = [*folder.glob("*.png"), *folder.glob("figures/*.png"), folder / "measures.csv"]
    return [shown(path, "comparison", name=path.stem) for path in sorted(found)]
