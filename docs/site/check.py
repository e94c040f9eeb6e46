"""Goes over every built page: `python docs/site/check.py runs/site/html` prints what is wrong and fails if anything is.

A link within the site must lead to a file and, where it names a place in a page, to that place; a picture must have an
alt text that is not its file's name; nothing that a page shows or runs may come from elsewhere. Links that a reader may
follow to other sites are not tried.
"""

import re
import sys
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

LOADED = ("stylesheet", "preload", "modulepreload", "icon", "preconnect", "dns-prefetch")
"""Kinds of <link> that make a browser fetch something."""

IN_STYLE = re.compile(r"""(?:url\(|@import)\s*["']?((?:https?:)?//[^"')\s]+)""")


@dataclass
class Page(HTMLParser):
    """What one page refers to. links: a reader may follow; loads: the browser fetches."""

    ids: set[str] = field(default_factory=set)
    links: list[str] = field(default_factory=list)
    loads: list[str] = field(default_factory=list)
    bare: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        self.ids |= {given[name] for name in ("id", "name") if name in given}
        if tag == "a" and "href" in given:
            self.links.append(given["href"])
        elif tag == "link" and set(given.get("rel", "").split()) & set(LOADED):
            self.loads.append(given.get("href", ""))
        elif tag == "img" and given.get("alt", "").strip() in ("", given.get("src", "")):
            self.bare.append(given.get("src", "")[:80])
        if tag != "a":
            self.loads += [given[name] for name in ("src", "data", "poster") if given.get(name)]


def problems(site: Path) -> list[str]:
    """One line for each thing that is wrong, with the page it is on."""
    site = site.resolve()
    pages: dict[Path, Page] = {}
    themes = set((site / "_static").rglob("*.html"))  # templates of pages, not pages
    for path in sorted(set(site.rglob("*.html")) - themes):
        pages[path] = Page()
        pages[path].feed(path.read_text(encoding="utf-8"))
    found = [] if pages else [f"{site} holds no page"]
    for path, page in pages.items():
        here = path.relative_to(site)
        found += [f"{here}: a picture without alt text, {source}" for source in page.bare]
        for target in page.links + page.loads:
            parts = urlsplit(target)
            if parts.scheme or parts.netloc:
                if target in page.loads and parts.scheme != "data":
                    found.append(f"{here}: loads {target}")
                continue
            file = path if not parts.path else (path.parent / unquote(parts.path)).resolve()
            if not file.is_relative_to(site) or not file.is_file():
                found.append(f"{here}: leads nowhere, {target}")
            elif parts.fragment and file in pages and unquote(parts.fragment) not in pages[file].ids:
                found.append(f"{here}: no such place, {target}")
    for path in sorted(site.rglob("*.css")):
        found += [f"{path.relative_to(site)}: loads {target}" for target in IN_STYLE.findall(path.read_text("utf-8"))]
    return found


if __name__ == "__main__":
    wrong = problems(Path(sys.argv[1]))
    print(
        "\n".join(wrong) or "every link leads somewhere, every picture has its alt text, nothing comes from elsewhere"
    )
    sys.exit(bool(wrong))
