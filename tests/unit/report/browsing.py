"""The page of a report, opened in a browser."""

from pathlib import Path
from typing import Any

from small_stores import Build

from faceshards.build.params import ReportParams
from faceshards.report.page import write_report


class Opened:
    """A page that was opened, and what went wrong in it."""

    def __init__(self, browser: Any, path: Path, **options: Any) -> None:
        self.page = browser.new_page(**options)
        self.wrong: list[str] = []
        self.page.on("console", self._hear)
        self.page.on("pageerror", lambda error: self.wrong.append(str(error)))
        self.page.on("request", lambda request: self.wrong.append(request.url) if _leaves(request.url, path) else None)
        self.page.set_default_timeout(5_000)
        self.page.goto(path.as_uri())
        self.page.wait_for_selector("html[data-ready=yes]")

    def _hear(self, message: Any) -> None:
        if message.type == "error":
            self.wrong.append(message.text)

    def shown(self) -> list[str]:
        """The ids of the faces in the grid."""
        return self.page.locator("#grid .line:not(.soft)").all_inner_texts()

    def preset(self, name: str) -> None:
        self.page.locator("#presets").get_by_role("button", name=name, exact=True).click()

    def opacity(self) -> str:
        """Of the regions that lie over the face."""
        return self.page.evaluate("document.getElementById('face-regions').style.opacity")

    def coloured(self) -> int:
        """Pixels of the face with a region over them."""
        return self.page.evaluate(
            "(() => { const canvas = document.getElementById('face-regions');"
            "const data = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data;"
            "let count = 0; for (let i = 3; i < data.length; i += 4) count += data[i] > 0; return count; })()"
        )


def _leaves(url: str, path: Path) -> bool:
    return not url.startswith("data:") and url.partition("#")[0] != path.as_uri()


def made(build: Build, out: Path, params: ReportParams = ReportParams()) -> Path:  # noqa: B008 (frozen)
    """Write the page of a store."""
    folder = build.shards.parent
    inputs = {"source": folder / "source", "plan": folder / "plan"}
    write_report(build.shards, build.aligned, build.metrics, out, params, **inputs)
    return out
