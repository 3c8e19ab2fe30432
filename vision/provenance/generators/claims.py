"""One claim out of all texts of a file: which generators are known, and which of them is asked first."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

from vision.provenance.claims import GeneratorClaim
from vision.provenance.generators.comfyui import read_comfyui
from vision.provenance.generators.documents import DOCUMENTS
from vision.provenance.generators.services import read_label, read_service
from vision.provenance.generators.texts import Texts
from vision.provenance.generators.webui import read_dream, read_easy_diffusion, read_parameters

_READERS: tuple[Callable[[Texts], GeneratorClaim | None], ...] = (
    *DOCUMENTS,
    read_comfyui,
    read_parameters,
    read_easy_diffusion,
    read_dream,
    read_service,
    read_label,
)


def parse_generator(metadata: Mapping[str, str]) -> GeneratorClaim | None:
    """What the file's texts say of the generator that made it.

    Args:
        metadata: fields of `vision.provenance.read_provenance`; a hostile text costs milliseconds and gives nothing.

    Returns:
        The claim, all of its texts one line each without control characters; None if no generator names itself.
    """
    texts = Texts(metadata)
    claim: GeneratorClaim | None = None
    for read in _READERS:
        other = read(texts)
        if claim is None:
            claim = other
        elif other is not None:
            claim = _completed(claim, other)
    return claim


def _completed(claim: GeneratorClaim, other: GeneratorClaim) -> GeneratorClaim:
    """Several texts often describe one image, such as a graph and a line of settings: the first one counts."""
    if claim.has_prompt or not other.has_prompt:
        return replace(claim, model=claim.model or other.model, seed=claim.seed or other.seed)
    return replace(
        claim, model=claim.model or other.model, seed=claim.seed or other.seed, has_prompt=True, prompt=other.prompt
    )
