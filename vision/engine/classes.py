"""Classes of data and heads, compared before the first step: a mismatch trains and measures without a word."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from torch import nn

from vision.errors import UsageError


def check_same_classes(first: str, learned: Any, second: str, judged: Any) -> None:
    """Compare the classes of two data sets by their `metainfo`, where both say theirs.

    Raises:
        UsageError: they have other classes, or the same in another order.
    """
    one, other = _classes(learned), _classes(judged)
    if one is None or other is None or one == other:
        return
    at = next(
        (i for i, pair in enumerate(zip(one, other, strict=False)) if pair[0] != pair[1]), min(len(one), len(other))
    )
    raise UsageError(
        f"{first} has {len(one)} classes, {second} {len(other)}; they first differ at index {at}: "
        f"{_name(one, at)} and {_name(other, at)}. Give both the same classes in the same order "
        "(dataset.classes or dataset.metainfo.classes)",
        code="bad-config",
        value=_name(other, at),
    )


def check_class_count(model: nn.Module, metainfo: Any, data: str, *, every_head: bool = False) -> None:
    """Compare the number of classes that the parts of a model tell apart with the number that the data has.

    Args:
        model: a detector, segmentor or classifier; parts that have classes name their number `num_classes`.
        metainfo: of the data set, with its `classes`.
        data: what to call the data set.
        every_head: refuse a model when one of its parts differs, as mmdet's NumClassCheckHook does. Otherwise only
            where all parts agree on another number: there are heads, of edges or of words, that count something else.

    Raises:
        UsageError: the numbers differ.
    """
    classes = _classes(metainfo)
    counts = dict(_counted(model))
    wrong = {name: count for name, count in counts.items() if classes is not None and count != len(classes)}
    if classes is None or not wrong or (not every_head and len(set(counts.values())) > 1):
        return
    names = [f"{name}.num_classes={count}" for name, count in list(wrong.items())[:3]]
    raise UsageError(
        f"the model has {', '.join(names)}, but {data} has {len(classes)} classes "
        f"({', '.join(classes[:3])}{', ...' if len(classes) > 3 else ''}): set both to the same",
        code="bad-config",
        value=names[0],
    )


def check_class_names(dataset: Any, data: str) -> None:
    """See that annotations in COCO's format know every class that a data set names; mmdet drops the others' boxes.

    Raises:
        UsageError: they know fewer.
    """
    for inner in (getattr(dataset, "dataset", None), *(getattr(dataset, "datasets", None) or ())):
        if inner is not None:
            check_class_names(inner, data)
    known, classes = getattr(dataset, "cat_ids", None), _classes(getattr(dataset, "metainfo", None))
    if not isinstance(known, list) or classes is None or len(known) >= len(classes):
        return
    raise UsageError(
        f"{data} has {len(classes)} classes ({', '.join(classes[:3])}{', ...' if len(classes) > 3 else ''}), but its "
        f"annotations {getattr(dataset, 'ann_file', '')} have categories for {len(known)} of these names only: "
        "give dataset.metainfo.classes the names of the categories",
        code="bad-config",
        value=str(len(known)),
    )


def _counted(model: nn.Module) -> Iterable[tuple[str, int]]:
    """The parts with a number of classes; a region proposal network tells objects from background alone."""
    for name, module in model.named_modules():
        count = getattr(module, "num_classes", None)
        if type(module).__name__ in ("VGG", "SSDVGG", "FusedSemanticHead") or name.endswith("rpn_head"):
            continue
        if hasattr(module, "language_model"):
            return  # its heads count words
        if isinstance(count, int) and not isinstance(count, bool) and count > 0:
            yield name or "model", count


def _classes(metainfo: Any) -> list[str] | None:
    classes = metainfo.get("classes") if isinstance(metainfo, dict) else None
    return [str(name) for name in classes] if isinstance(classes, Sequence) and not isinstance(classes, str) else None


def _name(classes: list[str], index: int) -> str:
    return repr(classes[index]) if index < len(classes) else "none"
