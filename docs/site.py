"""Builds the site of `mkdocs.yml` of the pages where they lie in the repository.

So a link between two pages is the same on the site, on GitHub and in a checkout.
"""

from __future__ import annotations

from pathlib import Path

import nbformat
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT = Path(__file__).parents[1]

PUBLISHED = (
    *("*.md", "docs/*.md", "docs/*.jpg", "docs/*.png", "docs/*.svg", "docs/*.ipynb"),
    *("config/*", "benchmarks/README.md", "*/profile.yaml", "tests/slurm/cluster.py"),
    *("workflow/envs/dia.yaml", "benchmarks/records/*.json"),
    *("CITATION.cff", "LICENSE"),
)
"""What the site holds: the pages, and what they lead to."""

NOTEBOOK, ITS_PAGE = "docs/notebook.ipynb", "docs/notebook.md"


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """The files of the site, each at its path in the repository, and those of the theme."""
    theme = [file for file in files if file.src_dir != config.docs_dir]
    paths = [path for pattern in PUBLISHED for path in sorted(ROOT.glob(pattern)) if path.is_file()]
    own = [File(str(path.relative_to(ROOT)), str(ROOT), config.site_dir, False) for path in paths]
    return Files([*theme, *own, File.generated(config, ITS_PAGE, content=notebook_page())])


def on_page_markdown(markdown: str, page: Page, **_: object) -> str:
    """A page; what leads to the notebook leads to its page."""
    if page.file.src_uri == ITS_PAGE:
        return markdown
    return markdown.replace("notebook.ipynb)", "notebook.md)")


def notebook_page() -> str:
    """The notebook with its outputs as Markdown."""
    parts = []
    for cell in nbformat.read(ROOT / NOTEBOOK, as_version=4).cells:
        if cell.cell_type == "markdown":
            parts.append(cell.source)
        else:
            parts += [f"```python\n{cell.source}\n```", *map(_shown, cell.outputs)]
    return "\n\n".join([*parts, f"[This page as a notebook]({Path(NOTEBOOK).name})"])


def _shown(output: nbformat.NotebookNode) -> str:
    """What a cell puts out."""
    data = output.data
    if "text/html" in data:
        return data["text/html"]
    if "image/jpeg" in data:
        return f'<img alt="" src="data:image/jpeg;base64,{data["image/jpeg"].strip()}">'
    return f"```text\n{data['text/plain']}\n```"
