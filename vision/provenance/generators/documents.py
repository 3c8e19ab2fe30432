"""Generators that write JSON objects of their own: InvokeAI, NovelAI, Fooocus, SwarmUI, Draw Things, Tensor.Art."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from vision.provenance.claims import GeneratorClaim
from vision.provenance.generators.texts import Texts, as_dict, as_list, claim_of, name_of


def read_invokeai(texts: Texts) -> GeneratorClaim | None:
    """`invokeai_metadata` since version 3, `sd-metadata` before."""
    for document in _of(texts, "invokeai_metadata"):
        if "positive_prompt" in document or "generation_mode" in document or "app_version" in document:
            model = as_dict(document.get("model"))
            name = model.get("name") or model.get("model_name") or document.get("model")
            return claim_of(
                "InvokeAI", "InvokeAI metadata", name, document.get("positive_prompt"), document.get("seed")
            )
    for document in _of(texts, "sd-metadata"):
        image = as_dict(document.get("image"))
        if image or "invoke" in str(document.get("app_id", "")).lower():
            prompts = [as_dict(part).get("prompt") for part in as_list(image.get("prompt"))[:100]]
            prompt = " ".join(part for part in prompts or [image.get("prompt")] if isinstance(part, str))
            name = document.get("model_weights") or document.get("model")
            return claim_of("InvokeAI", "InvokeAI metadata", name, prompt, image.get("seed"))
    if {"invokeai_graph", "invokeai_workflow"} & texts.keyed.keys():
        return claim_of("InvokeAI", "InvokeAI workflow")
    return None


def read_novelai(texts: Texts) -> GeneratorClaim | None:
    """PNG texts, or the same as a JSON object in the pixels or in EXIF; `Comment` is JSON again."""
    for values in (texts.keyed, *texts.documents):
        lower = {key.lower(): value for key, value in list(values.items())[:100]}
        if "novelai" not in f"{lower.get('software', '')} {lower.get('title', '')} {lower.get('source', '')}".lower():
            continue
        comment = as_dict(lower.get("comment"))
        caption = as_dict(as_dict(comment.get("v4_prompt")).get("caption")).get("base_caption")
        prompt = comment.get("prompt") or lower.get("description") or caption
        return claim_of("NovelAI", "NovelAI comment", lower.get("source"), prompt, comment.get("seed"))
    return None


def read_fooocus(texts: Texts) -> GeneratorClaim | None:
    """Fooocus' own scheme, and RuinedFooocus'."""
    for document in texts.documents:
        version = name_of(document.get("version")) or ""
        if document.get("metadata_scheme") == "fooocus" or version.lower().startswith("fooocus"):
            model, prompt = document.get("base_model"), document.get("prompt")
            return claim_of("Fooocus", "Fooocus parameters", model, prompt, document.get("seed"))
        if document.get("software") == "RuinedFooocus":
            values = [document.get(name) for name in ("base_model_name", "Prompt", "Seed")]
            seed = values[2] if values[2] is not None else document.get("seed")
            return claim_of("RuinedFooocus", "Fooocus parameters", values[0], values[1], seed)
        if {"Prompt", "Negative Prompt", "Fooocus V2 Expansion"} <= document.keys():  # before version 2.2
            model = document.get("Base Model")
            return claim_of("Fooocus", "Fooocus parameters", model, document.get("Prompt"), document.get("Seed"))
    return None


def read_swarmui(texts: Texts) -> GeneratorClaim | None:
    """SwarmUI, also known as StableSwarmUI."""
    for document in texts.documents:
        values = as_dict(document.get("sui_image_params"))
        if values:
            return claim_of(
                "SwarmUI", "SwarmUI parameters", values.get("model"), values.get("prompt"), values.get("seed")
            )
    return None


def read_draw_things(texts: Texts) -> GeneratorClaim | None:
    """Draw Things: short names in the JSON object of EXIF's or XMP's user comment."""
    for document in texts.documents:
        if isinstance(document.get("c"), str) and {"sampler", "steps", "seed"} <= document.keys():
            model, prompt = document.get("model"), document.get("c")
            return claim_of("Draw Things", "Draw Things comment", model, prompt, document.get("seed"))
    return None


def read_tensor_art(texts: Texts) -> GeneratorClaim | None:
    """`generation_data` of Tensor.Art."""
    for document in _of(texts, "generation_data"):
        model = as_dict(document.get("baseModel"))
        if "prompt" in document:
            name = model.get("modelFileName") or model.get("label")
            return claim_of("Tensor.Art", "Tensor.Art data", name, document.get("prompt"), document.get("seed"))
    return None


def _of(texts: Texts, keyword: str) -> list[dict[str, Any]]:
    """The JSON object behind a PNG keyword, or a member of this name in one that stands elsewhere."""
    values = [texts.keyed.get(keyword), *(document.get(keyword) for document in texts.documents)]
    return [found for value in values if (found := as_dict(value))]


DOCUMENTS: tuple[Callable[[Texts], GeneratorClaim | None], ...] = (
    *(read_invokeai, read_novelai, read_fooocus, read_swarmui, read_draw_things, read_tensor_art),
)
