"""Listing real and generated images in the folder layouts of the field: pure functions over a directory tree.

Four layouts are read (`0_real`/`1_fake` and `real`/`fake` are the same names; `[...]` may be missing):

- `cnndetection` (CNNDetection, ForenSynths, UniversalFakeDetect, AIGCDetectBenchmark, AIGIBench):
  `[split/]generator[/class]/{0_real,1_fake}`. The source, of real images too, is the generator folder.
- `genimage`: `Gen/[long_name/]{train,val}/{ai,nature}`. The source is the `Gen` folder.
- `diffusionforensics`: `[split/]domain/{real,adm,ddpm,...}`. The source of a generated image is the folder that holds
  it, of a real image the domain, because several generators share the domain's reals.
- `plain`: every folder that holds `0_real`/`1_fake` is a source of its own, named by its path below the root, or by
  the root's own name where the root holds them directly.

Below a label folder images may be nested in any way.
"""

from __future__ import annotations

import os
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import NamedTuple

from vision.errors import UsageError

REAL, FAKE = 0, 1
SPLIT_NAMES = frozenset({"train", "training", "val", "valid", "validation", "test", "testing"})
_LABELS = {"0_real": REAL, "real": REAL, "1_fake": FAKE, "fake": FAKE}
_GENIMAGE_LABELS = {"nature": REAL, "ai": FAKE}


class Sample(NamedTuple):
    """One image file: label (0 real, 1 generated), where it came from, its class folder and its split ('' if none)."""

    path: str
    label: int
    source: str
    category: str = ""
    split: str = ""


class _Group(NamedTuple):
    """A label folder: where it is, and what every image beneath it shares."""

    folder: str
    label: int
    source: str
    category: str
    split: str


def list_samples(
    root: str | os.PathLike[str],
    layout: str = "auto",
    split: str | None = None,
    include_sources: Sequence[str] | None = None,
    exclude_sources: Sequence[str] | None = None,
    classes: Sequence[str] | None = None,
) -> list[Sample]:
    """List the images of a data set in a fixed order.

    Args:
        root: folder of the set, in one of the layouts of this module.
        layout: `auto`, `cnndetection`, `genimage`, `diffusionforensics` or `plain`.
        split: keep only images below a folder of this name (`train`, `val`, `test`).
        include_sources, exclude_sources: keep or drop whole sources (generators, photo sources) by name.
        classes: keep only images of these class folders (CNNDetection: the folder that holds the label folders;
            DiffusionForensics: the domain).

    Raises:
        UsageError: for a root without a known layout or without images, and for any name that does not occur.
    """
    root = os.path.abspath(os.fspath(root))
    if not os.path.isdir(root):
        raise UsageError(
            f"data root {root!r} is not a folder; expected a folder in one of the layouts {layout_names()}",
            code="bad-data-root",
            value=root,
        )
    folders = _list_folders(root)
    if layout == "auto":
        layout = detect_layout(root, folders)
    if layout not in _LAYOUTS:
        raise UsageError(
            f"unknown layout {layout!r}; expected 'auto' or one of {layout_names()}", code="out-of-range", value=layout
        )
    groups = list(_LAYOUTS[layout](root, folders))
    if not groups:
        raise UsageError(
            f"{root}: no label folders of layout {layout!r}; expected {_PATTERNS[layout]}",
            code="bad-data-root",
            value=root,
        )
    samples = [sample for group in groups for sample in _images_of(group)]
    if not samples:
        raise UsageError(
            f"{root}: the label folders of layout {layout!r} hold no image files ({groups[0].folder}, ...)",
            code="bad-data-root",
            value=root,
        )
    samples = _keep(root, samples, "split", None if split is None else [split])
    samples = _keep(root, samples, "category", classes)
    samples = _keep(root, samples, "source", include_sources)
    return _drop_sources(root, samples, exclude_sources)


def detect_layout(root: str, folders: dict[str, list[str]] | None = None) -> str:
    """Name the layout of a tree.

    Args:
        root: folder of the set.
        folders: the tree as a map from relative folder to the names of its sub-folders; read from disk if missing.

    Raises:
        UsageError: naming the root and every layout that was looked for.
    """
    folders = _list_folders(root) if folders is None else folders
    if any(True for _ in _genimage(root, folders)):
        return "genimage"
    if any(len(names) > 1 and "fake" not in map(str.lower, names) for _, names in _domains(folders)):
        return "diffusionforensics"
    groups = list(_cnndetection(root, folders))
    if groups:
        return "cnndetection" if any(group.category for group in groups) else "plain"
    patterns = "; ".join(f"{name}: {pattern}" for name, pattern in _PATTERNS.items())
    raise UsageError(f"{root}: no known layout found. Looked for {patterns}", code="bad-data-root", value=root)


def layout_names() -> list[str]:
    """Names of the layouts that can be given explicitly."""
    return sorted(_LAYOUTS)


def _cnndetection(root: str, folders: dict[str, list[str]]) -> Iterator[_Group]:
    for parent, name, split, parts in _located(_label_folders(folders, _LABELS)):
        # <set>/<generator>/<class>: the class is no source of its own.
        source = "/".join(parts[:-1] if len(parts) > 2 else parts[:1]) or _root_name(root)
        yield _group(root, parent, name, _LABELS[name.lower()], source, parts[-1] if parts else "", split)


def _plain(root: str, folders: dict[str, list[str]]) -> Iterator[_Group]:
    for parent, name, split, parts in _located(_label_folders(folders, _LABELS)):
        source = "/".join(parts) or _root_name(root)
        yield _group(root, parent, name, _LABELS[name.lower()], source, parts[-1] if parts else "", split)


def _genimage(root: str, folders: dict[str, list[str]]) -> Iterator[_Group]:
    for parent, name in _label_folders(folders, _GENIMAGE_LABELS):
        *parts, split = parent.split(os.sep)
        if split.lower() in SPLIT_NAMES:
            source = parts[0] if parts else _root_name(root)
            yield _group(root, parent, name, _GENIMAGE_LABELS[name.lower()], source, "", split)


def _diffusionforensics(root: str, folders: dict[str, list[str]]) -> Iterator[_Group]:
    pairs = [(parent, name) for parent, names in _domains(folders) for name in names]
    for parent, name, split, parts in _located(pairs):
        domain = parts[-1] if parts else _root_name(root)
        label = _LABELS.get(name.lower(), FAKE)
        yield _group(root, parent, name, label, domain if label == REAL else name, domain, split)


_LAYOUTS: dict[str, Callable[[str, dict[str, list[str]]], Iterator[_Group]]] = {
    "cnndetection": _cnndetection,
    "genimage": _genimage,
    "diffusionforensics": _diffusionforensics,
    "plain": _plain,
}
_PATTERNS = {
    "cnndetection": "[split/]generator[/class]/{0_real,1_fake}",
    "genimage": "Gen/[long_name/]{train,val}/{ai,nature}",
    "diffusionforensics": "[split/]domain/{real,adm,...}",
    "plain": "{0_real,1_fake} or {real,fake} at any depth",
}


def _list_folders(root: str) -> dict[str, list[str]]:
    """Map every folder, relative to root ('' is the root), to the names of its sub-folders."""
    tree = {os.path.relpath(folder, root): names for folder, names, _ in _walk(root)}
    tree[""] = tree.pop(os.curdir)
    return dict(sorted(tree.items()))


def _walk(root: str) -> Iterator[tuple[str, list[str], list[str]]]:
    """Yield (folder, sub-folders, files) in order; links are followed, each folder once; hidden names are skipped."""
    seen: set[str] = set()
    for folder, names, files in os.walk(root, followlinks=True):
        real = os.path.realpath(folder)
        # What links back to a folder above or beside it is not entered again.
        names[:] = [] if real in seen else sorted(name for name in names if not name.startswith("."))
        yield folder, list(names), [] if real in seen else sorted(name for name in files if not name.startswith("."))
        seen.add(real)


def _label_folders(folders: dict[str, list[str]], labels: dict[str, int]) -> Iterator[tuple[str, str]]:
    """Yield (parent, name) of every outermost label folder."""
    for parent, names in folders.items():
        if not any(part.lower() in labels for part in parent.split(os.sep)):
            yield from ((parent, name) for name in names if name.lower() in labels)


def _domains(folders: dict[str, list[str]]) -> Iterator[tuple[str, list[str]]]:
    """Yield every outermost folder with a `real` sub-folder, and the names of all its sub-folders."""
    found: list[str] = []
    for parent, names in folders.items():
        if any(outer == "" or parent.startswith(outer + os.sep) for outer in found):
            continue
        if "real" in map(str.lower, names):
            found.append(parent)
            yield parent, names


def _images_of(group: _Group) -> Iterator[Sample]:
    from vision.images import IMAGE_SUFFIXES

    for folder, _, files in _walk(group.folder):
        for name in files:
            if os.path.splitext(name)[1].lower() in IMAGE_SUFFIXES:
                yield Sample(os.path.join(folder, name), group.label, group.source, group.category, group.split)


def _keep(root: str, samples: list[Sample], field: str, wanted: Iterable[str] | None) -> list[Sample]:
    if wanted is None:
        return samples
    names = _names(wanted, field)
    _check_known(root, samples, field, names)
    return [sample for sample in samples if getattr(sample, field) in names]


def _drop_sources(root: str, samples: list[Sample], unwanted: Iterable[str] | None) -> list[Sample]:
    if unwanted is None:
        return samples
    names = _names(unwanted, "source")
    _check_known(root, samples, "source", names)
    kept = [sample for sample in samples if sample.source not in names]
    if not kept:
        raise UsageError(
            f"{root}: exclude_sources {sorted(names)} leaves no image; exclude fewer sources",
            code="bad-data-root",
            value=root,
        )
    return kept


def _names(names: Iterable[str], field: str) -> set[str]:
    # A lone string would be read as its letters.
    if isinstance(names, str):
        raise TypeError(f"{field} names must be a list of strings, got the string {names!r}; write [{names!r}]")
    return set(names)


def _check_known(root: str, samples: list[Sample], field: str, names: set[str]) -> None:
    known = Counter(getattr(sample, field) for sample in samples)
    missing = sorted(names - set(known))
    if missing:
        what = {"split": "split folder", "category": "class", "source": "source"}[field]
        listed = ", ".join(f"{name} ({count})" for name, count in sorted(known.items()) if name) or "none"
        raise UsageError(
            f"{root}: no {what} named {', '.join(map(repr, missing))}; there are: {listed}",
            code="bad-data-root",
            value=root,
        )


def _located(pairs: Iterable[tuple[str, str]]) -> Iterator[tuple[str, str, str, list[str]]]:
    """Add to (parent, label folder) the split, '' if none, and the components of the parent without it.

    A folder is a split if it and all its siblings have names of splits: `train` is also a class of ProGAN's images.
    """
    paths = [(parent, name, parent.split(os.sep) if parent else []) for parent, name in pairs]
    siblings: dict[tuple[str, ...], set[str]] = defaultdict(set)
    for _, _, parts in paths:
        for depth, part in enumerate(parts):
            siblings[tuple(parts[:depth])].add(part.lower())
    for parent, name, parts in paths:
        splits = [depth for depth in range(len(parts)) if siblings[tuple(parts[:depth])] <= SPLIT_NAMES]
        if splits:
            yield parent, name, parts[splits[0]], parts[: splits[0]] + parts[splits[0] + 1 :]
        else:
            yield parent, name, "", parts


def _group(root: str, parent: str, name: str, label: int, source: str, category: str, split: str) -> _Group:
    return _Group(os.path.join(root, parent, name), label, source, category, split)


def _root_name(root: str) -> str:
    return os.path.basename(root) or "default"
