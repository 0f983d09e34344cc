"""The files of two versions, by the hashes that the stores record: nothing is read."""

import hashlib
from collections.abc import Iterable

from faceshards.store import dataset_json
from faceshards.store.inventory import FileRecord
from faceshards.store.reader import Store
from faceshards.store.schema import DATASET_JSON
from faceshards.versions.difference import FileChanges


def recorded_files(store: Store) -> dict[str, FileRecord]:
    """Size and SHA-256 of every file of a store, by path. Raises as `Store.read_inventory`."""
    files = store.listed.records | {name: FileRecord(**file) for name, file in store.info["files"].items()}
    data = dataset_json.encode(store.info)
    return files | {DATASET_JSON: FileRecord(len(data), hashlib.sha256(data).hexdigest())}


def file_changes(a: Store, b: Store) -> FileChanges:
    """Count files by path, and bytes by content. Raises as `Store.read_inventory`."""
    first, second = recorded_files(a), recorded_files(b)
    contents_a, contents_b = (_contents(files.values()) for files in (first, second))
    common = first.keys() & second.keys()
    rewritten = [path for path in common if first[path] != second[path]]
    shared = contents_a.keys() & contents_b.keys()
    return FileChanges(
        files_a=len(first),
        files_b=len(second),
        files_shared=len(common) - len(rewritten),
        files_rewritten=len(rewritten),
        files_added=len(second) - len(common),
        files_removed=len(first) - len(common),
        bytes_a=sum(file.bytes for file in first.values()),
        bytes_b=sum(file.bytes for file in second.values()),
        bytes_shared=sum(contents_b[digest] for digest in shared),
        bytes_only_a=sum(size for digest, size in contents_a.items() if digest not in shared),
        bytes_only_b=sum(size for digest, size in contents_b.items() if digest not in shared),
        bytes_rewritten=sum(second[path].bytes for path in rewritten),
    )


def _contents(files: Iterable[FileRecord]) -> dict[str, int]:
    return {file.sha256: file.bytes for file in files}
