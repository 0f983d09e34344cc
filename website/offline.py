"""Search from a disk: a browser starts no worker from a file: address, so the worker's source goes into a script.

The tool would load a shim for that from a server. Ours makes the worker out of a blob.
"""

import json
import re
from pathlib import Path

_SHIM = re.compile(r'<script src="https://[^"]*iframe-worker[^"]*"[^>]*>\s*</script>')
_BASE = re.compile(r'"base":"([^"]*)"')
_SCRIPT = """{
  const started = Worker;
  window.Worker = function (url, options) {
    if (location.protocol !== "file:") return new started(url, options);
    const source = new Blob([%s], { type: "text/javascript" });
    return new started(URL.createObjectURL(source), options);
  };
}
"""


def make_offline(site: Path) -> None:
    """Put the script in the place of the shim, in every page.

    Raises:
        ValueError: the site has no worker, or more than one.
    """
    (worker,) = site.glob("assets/javascripts/workers/*.js")
    (site / "worker.js").write_text(_SCRIPT % json.dumps(worker.read_text()))
    for path in site.rglob("*.html"):
        page = path.read_text()
        base = _BASE.search(page)
        script = f'<script src="{base.group(1) if base else "."}/worker.js"></script>'
        path.write_text(_SHIM.sub(lambda _, script=script: script, page))
