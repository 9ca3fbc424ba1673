"""The course to read without running it: a folder of HTML pages, made of the notebooks as they are saved.

The promise: `build(folder)` runs no notebook, and what it writes needs neither a server nor a network. Every link
between its pages leads to a page and, where it names one, to a heading: a dead one ends the build with a sentence that
names it. The reference solutions are on no page, and of the exercises' other files only those that a page leads to.
Two builds of the same files are the same bytes.

The site has the folders of the repository, so that a link from one file to another stays as it is, but for its ending:
`notebooks/11_testing.ipynb` is at `notebooks/11_testing.html`, and `course_lib/tasks.py` at `course_lib/tasks.py.html`.
README.md is the start page, and the glossary of data/site is copied as it is.

    outline -> the lessons, in the README's order
    links   -> where a file of the repository is on the site, and which links lead nowhere
    prose   -> Markdown as JupyterLab reads it, and code in colours
    lesson  -> a notebook's cells with their saved outputs
    diagrams -> Mermaid's text as SVG, drawn while the site is built
    search  -> what the search page searches, in the reader's browser
    frame   -> what stands around a page
    build   -> all of it

Not promised: that the glossary's pages for crawlers, which need a server's redirects and headers, do without one.
"""

from course_lib.website.build import build
from course_lib.website.links import SiteError

__all__ = ["SiteError", "build"]
