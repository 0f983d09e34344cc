"""Build the site of the docs into .site/html, and hold every link of it. No network is used.

python -m website.build        # needs faceshards[docs]

The site has the layout of the repository: a page is where its Markdown file is, so that a relative link works on both.
Other files that a page links to (params.yaml, programs) become pages that show them.
"""

import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from website.contents import HOME, SECTIONS
from website.links import faults
from website.offline import make_offline
from website.public import modules

ROOT = Path(__file__).resolve().parents[1]
SITE = ROOT / ".site"
PAGES = SITE / "pages"
LINK = re.compile(r"(!?\[[^\]]*\]\()([^)#\s]+)((?:#[^)\s]*)?\))")
LANGUAGES = {".py": "python", ".toml": "toml", ".yaml": "yaml"}


def main() -> int:
    shutil.rmtree(SITE, ignore_errors=True)
    PAGES.mkdir(parents=True)
    for page in pages():
        stage(page)
    for module in modules(ROOT / "pipeline"):
        write(PAGES / module.page, module.markdown())
    shutil.copy(ROOT / "website/style.css", PAGES)
    settings = (ROOT / "website/zensical.toml").read_text()
    write(SITE / "zensical.toml", settings.replace("\nnav = []\n", f"\nnav = {toml(navigation())}\n"))
    zensical = [sys.executable, "-m", "zensical", "build", "--strict", "--clean"]
    if status := subprocess.run(zensical, cwd=SITE, check=False).returncode:
        return status
    make_offline(SITE / "html")
    found = list(faults(SITE / "html"))
    print(*found, sep="\n", end="\n" if found else "")
    number = sum(1 for _ in (SITE / "html").rglob("*.html"))
    print(f".site/html/index.html: {number} pages, {len(found)} faults")
    return 1 if found else 0


def pages() -> list[Path]:
    """The Markdown files that are pages, by their places in the repository."""
    listed = [Path(page) for pages in SECTIONS.values() for page in pages.values() if (ROOT / page).exists()]
    return [
        Path(HOME),
        *dict.fromkeys([*listed, *(path.relative_to(ROOT) for path in sorted(ROOT.glob("docs/**/*.md")))]),
    ]


def stage(page: Path) -> None:
    """Copy a page, and beside it what it shows or links to."""

    def rewritten(link: re.Match[str]) -> str:
        before, target, after = link.groups()
        file = (ROOT / page.parent / target).resolve()
        if "://" in target or target.startswith("mailto:") or not file.is_relative_to(ROOT) or not file.is_file():
            return link.group()  # what leads nowhere is found in the finished site
        place = file.relative_to(ROOT)
        if file.suffix == ".md":
            if not (PAGES / place).exists() and place not in pages():
                stage(place)
            return link.group()
        if before.startswith("!") or file.suffix in {".jpg", ".png", ".svg", ".ipynb", ".csv"}:
            (PAGES / place).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(file, PAGES / place)
            return link.group()
        shown = f"# {place}\n\n````{LANGUAGES.get(file.suffix, 'text')}\n{file.read_text()}````\n"
        write(PAGES / f"{place}.md", shown)
        return f"{before}{target}.md{after}"

    write(PAGES / page, "")  # for pages that link to each other
    write(PAGES / page, outside_code((ROOT / page).read_text(), rewritten))


def outside_code(text: str, rewritten: Callable[[re.Match[str]], str]) -> str:
    """The text with its links rewritten, but for those in blocks of code."""
    parts = re.split(r"(^```.*?^```$)", text, flags=re.DOTALL | re.MULTILINE)
    return "".join(part if number % 2 else LINK.sub(rewritten, part) for number, part in enumerate(parts))


def navigation() -> list[object]:
    """The table of contents as the tool takes it; pages that no section names come last."""
    sections: list[object] = [{"Home": HOME}]
    named = {HOME}
    for section, listed in SECTIONS.items():
        there = [{title: page} for title, page in listed.items() if (PAGES / page).exists()]
        named.update(listed.values())
        sections.append({section: there})
    others = [str(page) for page in pages() if str(page) not in named]
    return [*sections, *([{"More": others}] if others else [])]


def toml(value: object) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{toml(key)} = {toml(one)}" for key, one in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(toml, value)) + "]"
    return '"' + str(value).replace("\\", "\\\\").replace('"', '\\"') + '"'


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


if __name__ == "__main__":
    sys.exit(main())
