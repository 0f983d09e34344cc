"""Every link of a built site: whether its file and its anchor are there, and whether a page loads from elsewhere."""

from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

_LOADS = {("script", "src"), ("img", "src"), ("iframe", "src"), ("source", "src"), ("video", "src"), ("use", "href")}
_PASSIVE_RELS = {"canonical", "prev", "next", "alternate"}


class _Page(HTMLParser):
    def __init__(self, text: str) -> None:
        super().__init__()
        self.anchors = {"", "__search"}
        self.links: list[str] = []
        self.loads: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        of = {name: value or "" for name, value in attrs}
        self.anchors.update(of[name] for name in ("id", "name") if name in of)
        if tag == "a" and "href" in of:
            self.links.append(of["href"])
        if tag == "link" and not _PASSIVE_RELS & set(of.get("rel", "").split()):
            self.loads.append(of.get("href", ""))
        self.loads += [of[name] for name in of if (tag, name) in _LOADS]


def faults(site: Path) -> Iterator[str]:
    """What is wrong, a line each."""
    pages = {path: _Page(path.read_text()) for path in sorted(site.rglob("*.html")) if path.name != "404.html"}
    for path, page in pages.items():
        at = path.relative_to(site)
        for load in page.loads:
            if urlsplit(load).scheme or load.startswith("//"):
                yield f"{at}: loads {load} from elsewhere"
            elif not (path.parent / unquote(urlsplit(load).path)).exists():
                yield f"{at}: loads {load}, which is not there"
        for link in page.links:
            parts = urlsplit(link)
            if parts.scheme or parts.netloc:
                continue
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            if target.is_dir():
                target /= "index.html"
            if not target.exists():
                yield f"{at}: {link} leads nowhere"
            elif target in pages and unquote(parts.fragment) not in pages[target].anchors:
                yield f"{at}: {link}: the page has no such anchor"
