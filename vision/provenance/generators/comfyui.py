"""ComfyUI's graphs: `prompt`, what was run, and `workflow`, what the editor shows.

In `prompt`, nodes are named by numbers: `{"3": {"class_type": "KSampler", "inputs": {"seed": 5, "model": ["4", 0]}}}`,
where `["4", 0]` is the first output of node 4. Custom nodes and subgraphs differ in their types, less so in the names
of their inputs: from the sampler, links are followed to the nearest node that has what is looked for.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import islice, pairwise
from typing import Any

from vision.provenance.claims import GeneratorClaim
from vision.provenance.generators.texts import Texts, as_dict, as_list, claim_of, seed_of, strings

MAX_NODES = 10_000
_EVIDENCE = "ComfyUI workflow"
_SEEDS = ("seed", "noise_seed", "rand_seed")
_NUMBERS = ("seed", "noise_seed", "value", "int", "number", "seed_value")
_MODELS = ("ckpt_name", "unet_name", "base_ckpt_name", "gguf_name", "checkpoint", "model_path", "model_name", "model")
_POSITIVE = ("positive", "guider", "conditioning", "cond", "cond_pos", "basic_pipe", "pipe", "prompt")
_TEXTS = (
    *("text", "text_g", "t5xxl", "clip_l", "text_l", "prompt", "positive", "positive_prompt", "text_positive"),
    *("populated_text", "wildcard_text", "string", "value", "string_a", "text_0", "text1"),
)
# Loaders of what is no generator of images.
_OTHER_LOADERS = re.compile(r"lora|vae|clip|control|upscale|style|ipadapter|embed|sam\b|detector", re.IGNORECASE)
_AFTER = ("fixed", "randomize", "increment", "decrement")  # what the editor does with a seed after each run
_WEIGHTS = (".safetensors", ".ckpt", ".gguf", ".sft", ".pt", ".pth", ".bin")

Graph = dict[str, dict[str, Any]]
Take = Callable[[Any], str | None]


def read_comfyui(texts: Texts) -> GeneratorClaim | None:
    """The graph that was run tells most; what it lacks may stand in the editor's."""
    graphs = [graph for document in texts.documents for graph in _graphs(document)]
    if graphs:
        seed, model, prompt = _of_graph(max(graphs, key=len))
        return claim_of("ComfyUI", _EVIDENCE, model, prompt, seed)
    for document in texts.documents:
        for value in (document, as_dict(document.get("workflow"))):
            nodes = _editor_nodes(value)
            if nodes:
                seed, model, prompt = _of_editor(nodes)
                return claim_of("ComfyUI", _EVIDENCE, model, prompt, seed)
    return _of_fragment(texts)


def _graphs(document: dict[str, Any]) -> Iterator[Graph]:
    """The document itself, or what it has by the name `prompt`."""
    for value in (document, as_dict(document.get("prompt"))):
        nodes = {
            name: node
            for name, node in islice(value.items(), MAX_NODES)
            if isinstance(node, dict)
            and isinstance(node.get("class_type"), str)
            and isinstance(node.get("inputs"), dict)
        }
        if nodes:
            yield nodes


def _of_graph(graph: Graph) -> tuple[str | None, str | None, str | None]:
    samplers = sorted(_samplers(graph), key=lambda name: _is_partial(graph[name]["inputs"]))
    sampler = samplers[0] if samplers else None
    seed = model = prompt = None
    if sampler is not None:
        seed = _nearest(graph, sampler, _SEEDS, seed_of, _NUMBERS)
        model = _nearest(graph, sampler, _MODELS, _words, skip=_OTHER_LOADERS)
        prompt = _positive(graph, sampler)
    encoders = [name for name, node in graph.items() if "textencode" in node["class_type"].lower()]
    if prompt is None:
        negative = {
            str(value[0]) for node in graph.values() if (value := node["inputs"].get("negative")) and _is_link(value)
        }
        wanted = [name for name in encoders if name not in negative]
        prompt = next((text for name in wanted if (text := _nearest(graph, name, _TEXTS, _words))), None)
    if seed is None:
        seed = next((seed for node in graph.values() if (seed := _first(node["inputs"], _SEEDS, seed_of))), None)
    if model is None:
        loaders = [node for node in graph.values() if not _OTHER_LOADERS.search(node["class_type"])]
        model = next((name for node in loaders if (name := _first(node["inputs"], _MODELS, _words))), None)
    return seed, model, prompt


def _samplers(graph: Graph) -> list[str]:
    """Nodes that make images: samplers by their type, or what has both a seed and a prompt."""
    named = [name for name, node in graph.items() if "sampler" in node["class_type"].lower()]
    working = [
        name for name in named if any(_is_link(graph[name]["inputs"].get(key)) for key in ("latent_image", "model"))
    ]
    seeded = [name for name, node in graph.items() if any(key in node["inputs"] for key in _SEEDS)]
    return working or seeded or named


def _is_partial(inputs: dict[str, Any]) -> bool:
    """Whether a sampler goes on with what another began, as refiners and upscalers do."""
    denoise = inputs.get("denoise", 1)
    return inputs.get("add_noise") == "disable" or (isinstance(denoise, int | float) and denoise < 1)


def _positive(graph: Graph, sampler: str) -> str | None:
    inputs = graph[sampler]["inputs"]
    for key in _POSITIVE:
        value = inputs.get(key)
        if isinstance(value, str) and key in ("prompt", "positive") and value.strip():
            return value
        if _is_link(value) and str(value[0]) in graph:
            found = _nearest(graph, str(value[0]), _TEXTS, _words)
            if found is not None:
                return found
    return None


def _nearest(
    graph: Graph,
    start: str,
    keys: tuple[str, ...],
    take: Take,
    further: tuple[str, ...] = (),
    skip: re.Pattern[str] | None = None,
) -> str | None:
    """Breadth first over the links: the first node with one of the inputs.

    Args:
        graph: nodes by name.
        start: node to begin at.
        keys: names of inputs.
        take: the value of an input as text, None if it does not count.
        further: with them, only links behind these inputs are followed, and there these names count as well.
        skip: types of nodes whose inputs do not count.
    """
    waiting, seen = [start], {start}
    for name in waiting:  # grows while it is walked
        inputs = graph[name]["inputs"]
        is_start = name == start
        if skip is None or not skip.search(graph[name]["class_type"]):
            found = _first(inputs, keys if is_start else (*keys, *further), take)
            if found is not None:
                return found
        followed = [inputs.get(key) for key in (*keys, "noise")] if further and is_start else _inputs(inputs)
        for link in filter(_is_link, followed):
            source = str(link[0])
            if source in graph and source not in seen:
                seen.add(source)
                waiting.append(source)
    return None


def _inputs(inputs: dict[str, Any]) -> list[Any]:
    return [value for key, value in islice(inputs.items(), 1000) if key != "negative"]


def _first(inputs: dict[str, Any], keys: tuple[str, ...], take: Take) -> str | None:
    return next((value for key in keys if (value := take(inputs.get(key))) is not None), None)


def _is_link(value: Any) -> bool:
    return isinstance(value, list) and len(value) == 2 and isinstance(value[0], str | int)


def _words(value: Any) -> str | None:
    return value if isinstance(value, str) and value.strip() else None


def _editor_nodes(document: dict[str, Any]) -> list[dict[str, Any]]:
    """Nodes of the editor, those of its subgraphs too."""
    if "nodes" not in document or not {"links", "last_node_id", "definitions"} & document.keys():
        return []
    graphs = [document, *map(as_dict, as_list(as_dict(document.get("definitions")).get("subgraphs"))[:100])]
    nodes = [node for graph in graphs for node in as_list(graph.get("nodes"))[:MAX_NODES] if isinstance(node, dict)]
    return [node for node in nodes[:MAX_NODES] if isinstance(node.get("type"), str)]


def _of_editor(nodes: list[dict[str, Any]]) -> tuple[str | None, str | None, str | None]:
    seed = model = prompt = None
    for node in nodes:
        kind, values = node["type"], node.get("widgets_values")
        row = as_list(values)[:1000]
        if seed is None:
            pairs = pairwise(row)
            seed = next((seed_of(one) for one, two in pairs if isinstance(two, str) and two in _AFTER), None)
            seed = seed or _first(as_dict(values), _SEEDS, seed_of)
        if model is None and not _OTHER_LOADERS.search(kind):
            model = next((text for text in strings(values) if text.lower().endswith(_WEIGHTS)), None)
        if prompt is None and "textencode" in kind.lower() and "negative" not in str(node.get("title", "")).lower():
            prompt = next((text for text in strings(values) if text.strip()), None)
    return seed, model, prompt


def _of_fragment(texts: Texts) -> GeneratorClaim | None:
    """A graph that was cut off, or is no whole JSON for another reason: which text is the prompt cannot be told."""
    for text in texts.plain:
        if re.search(r'"class_type"\s*:\s*"', text) or re.search(r'"last_node_id"\s*:', text):
            seed = re.search(r'"(?:noise_)?seed"\s*:\s*(\d{1,40})\b', text)
            model = re.search(r'"(?:ckpt_name|unet_name)"\s*:\s*"([^"\\]{1,200})"', text)
            has_prompt = re.search(r'"text"\s*:\s*"[^"]', text) is not None
            claim = claim_of("ComfyUI", _EVIDENCE, model and model[1], None, seed and seed[1])
            return replace(claim, has_prompt=has_prompt)
    return None
