"""ComfyUI's graphs: seed, model and prompt are found over links, custom nodes and subgraphs."""

from __future__ import annotations

import json
import struct
from typing import Any

import pytest

from vision.provenance import parse_generator

Graph = dict[str, Any]


def node(kind: str, **inputs: Any) -> Graph:
    return {"class_type": kind, "inputs": inputs, "_meta": {"title": kind}}


def classic() -> Graph:
    """The graph that the program shows first, its negative prompt before the positive one."""
    return {
        "3": node(
            "KSampler",
            seed=156680208700286,
            steps=20,
            cfg=8,
            sampler_name="euler",
            denoise=1,
            model=["4", 0],
            positive=["6", 0],
            negative=["7", 0],
            latent_image=["5", 0],
        ),
        "4": node("CheckpointLoaderSimple", ckpt_name="v1-5-pruned-emaonly.safetensors"),
        "5": node("EmptyLatentImage", width=512, height=512, batch_size=1),
        "7": node("CLIPTextEncode", text="text, watermark", clip=["4", 1]),
        "6": node("CLIPTextEncode", text="a glass bottle\n with a galaxy", clip=["4", 1]),
        "8": node("VAEDecode", samples=["3", 0], vae=["4", 2]),
        "9": node("SaveImage", filename_prefix="ComfyUI", images=["8", 0]),
    }


def found(metadata: dict[str, str]) -> tuple[str | None, str | None, str | None]:
    """Seed, model, prompt."""
    claim = parse_generator(metadata)
    assert claim is not None
    assert (claim.generator, claim.evidence) == ("ComfyUI", "ComfyUI workflow")
    assert claim.has_prompt is (claim.prompt is not None)
    return claim.seed, claim.model, claim.prompt


def of_graph(graph: Graph) -> tuple[str | None, str | None, str | None]:
    return found({"png_text": f"prompt: {json.dumps(graph)}"})


EXPECTED = ("156680208700286", "v1-5-pruned-emaonly.safetensors", "a glass bottle with a galaxy")


def editor(graph: Graph) -> Graph:
    nodes = [
        {"id": 7, "type": "CLIPTextEncode", "title": "Negative Prompt", "widgets_values": ["text, watermark"]},
        {"id": 6, "type": "CLIPTextEncode", "widgets_values": [graph["6"]["inputs"]["text"]]},
        {"id": 2, "type": "VAELoader", "widgets_values": ["vae.safetensors"]},
        {"id": 4, "type": "CheckpointLoaderSimple", "widgets_values": [graph["4"]["inputs"]["ckpt_name"]]},
        {"id": 3, "type": "KSampler", "widgets_values": [graph["3"]["inputs"]["seed"], "randomize", 20, 8, "euler"]},
    ]
    return {"last_node_id": 9, "last_link_id": 9, "nodes": nodes, "links": [], "version": 0.4}


def test_the_classic_graph_in_png(make: Any) -> None:
    texts = {"prompt": json.dumps(classic()), "workflow": json.dumps(editor(classic()))}
    chunks = [make.chunk(b"tEXt", f"{name}\0{text}".encode("latin-1")) for name, text in texts.items()]
    assert found(make.png(*chunks)) == EXPECTED


def test_graphs_in_the_tags_of_a_camera(make: Any) -> None:
    """WebP files: the graph stands as model, the editor's as maker."""
    prompt, workflow = json.dumps(classic()), json.dumps(editor(classic()))
    model, maker = f"prompt:{prompt}\0".encode(), f"workflow:{workflow}\0".encode()
    for tags in ([(0x0110, 2, model), (0x010F, 2, maker)], [(0x0110, 2, model)], [(0x010F, 2, maker)]):
        assert found(make.exif(make.tiff(tags))) == EXPECTED


def test_graphs_in_a_comment(make: Any) -> None:
    both = json.dumps({"prompt": classic(), "workflow": editor(classic())})
    outer = make.tiff([(0x8769, 4, struct.pack(">I", 26))], ">")
    comment = b"UNICODE\0" + both.encode("utf-16-be")
    assert found(make.exif(outer + make.tiff([(0x9286, 7, comment)], ">", 26))) == EXPECTED
    bare = json.dumps({**classic(), "extra": {"airs": []}, "extraMetadata": "{}"})  # as Civitai writes it
    assert found({"exif_user_comment": bare}) == EXPECTED


def test_the_editors_graph_alone_and_its_subgraphs() -> None:
    whole = editor(classic())
    assert found({"png_text": f"workflow: {json.dumps(whole)}"}) == EXPECTED
    nested = {
        "nodes": [{"id": 1, "type": "0d6f4f8e-subgraph", "widgets_values": []}, {"id": 2, "type": "SaveImage"}],
        "links": [],
        "definitions": {"subgraphs": [{"id": "0d6f4f8e-subgraph", "nodes": whole["nodes"]}]},
    }
    assert found({"png_text": f"workflow: {json.dumps(nested)}"}) == EXPECTED


def test_flux_with_custom_sampling() -> None:
    graph = {
        "13": node(
            "SamplerCustomAdvanced",
            noise=["25", 0],
            guider=["22", 0],
            sampler=["16", 0],
            sigmas=["17", 0],
            latent_image=["27", 0],
        ),
        "16": node("KSamplerSelect", sampler_name="euler"),
        "17": node("BasicScheduler", scheduler="simple", steps=20, denoise=1, model=["30", 0]),
        "22": node("BasicGuider", model=["30", 0], conditioning=["26", 0]),
        "25": node("RandomNoise", noise_seed=["40", 0]),
        "26": node("FluxGuidance", guidance=3.5, conditioning=["6", 0]),
        "6": node("CLIPTextEncodeFlux", clip_l="", t5xxl="a fox", guidance=3.5, clip=["11", 0]),
        "11": node("DualCLIPLoader", clip_name1="t5xxl_fp16.safetensors", clip_name2="clip_l.safetensors"),
        "30": node("ModelSamplingFlux", max_shift=1.15, model=["31", 0]),
        "31": node("LoraLoaderModelOnly", lora_name="fox.safetensors", model=["12", 0]),
        "12": node("UNETLoader", unet_name="flux1-dev.safetensors", weight_dtype="default"),
        "40": node("PrimitiveInt", value=219670278747233),
        "41": node("PrimitiveInt", value=1024),
    }
    assert of_graph(graph) == ("219670278747233", "flux1-dev.safetensors", "a fox")


def test_refiners_and_upscalers_come_second() -> None:
    graph = classic()
    graph = {
        "1": node("KSamplerAdvanced", add_noise="disable", noise_seed=1, model=["2", 0], latent_image=["3", 0]),
        "2": node("CheckpointLoaderSimple", ckpt_name="refiner.safetensors"),
        "10": node("KSampler", seed=2, denoise=0.4, model=["2", 0], latent_image=["3", 0]),
        **graph,
    }
    assert of_graph(graph) == EXPECTED


def test_custom_nodes_and_linked_texts() -> None:
    graph = classic()
    graph["3"]["inputs"] |= {"seed": ["50", 0], "model": ["52", 0]}
    graph["50"] = node("Seed (rgthree)", seed=99)
    graph["52"] = node("UnetLoaderGGUF", unet_name="model-Q4.gguf")
    graph["6"]["inputs"]["text"] = ["51", 0]
    graph["51"] = node("StringConcatenate", string_a=["53", 0], string_b="unused", delimiter=", ")
    graph["53"] = node("PrimitiveStringMultiline", value="a linked text")
    assert of_graph(graph) == ("99", "model-Q4.gguf", "a linked text")
    subgraph = {f"12:{name}": value for name, value in classic().items()}
    for value in subgraph.values():
        for key, link in value["inputs"].items():
            if isinstance(link, list):
                value["inputs"][key] = [f"12:{link[0]}", link[1]]
    assert of_graph(subgraph) == EXPECTED
    loader = {
        "1": node("Efficient Loader", ckpt_name="xl.safetensors", positive="a barn", negative="blur"),
        "2": node("KSampler (Efficient)", seed=4, model=["1", 0], positive=["1", 1], negative=["1", 2]),
    }
    assert of_graph(loader) == ("4", "xl.safetensors", "a barn")
    service = {"1": node("OpenAIGPTImage1", prompt="a barn", seed=5, model="gpt-image-1")}
    assert of_graph(service) == ("5", "gpt-image-1", "a barn")


def test_the_negative_prompt_is_never_taken() -> None:
    graph = classic()
    del graph["3"]["inputs"]["positive"]
    assert of_graph(graph)[2] == EXPECTED[2]
    del graph["6"]
    assert of_graph(graph)[2] is None


def test_links_that_lead_in_circles_or_nowhere() -> None:
    graph = {
        "1": node("KSampler", seed=["1", 0], model=["2", 0], positive=["3", 0], latent_image=["9", 0]),
        "2": node("ModelPatch", model=["1", 0], other=["2", 0]),
        "3": node("ConditioningCombine", conditioning_1=["3", 0], conditioning_2=["missing", 0]),
    }
    assert of_graph(graph) == (None, None, None)


def test_a_graph_that_was_cut_off() -> None:
    """Which of its texts is the prompt cannot be told any more, only that there is one."""
    cut = json.dumps(classic()).partition('"8"')[0]
    claim = parse_generator({"png_text": f"prompt: {cut}"})
    assert claim is not None and (claim.generator, claim.evidence) == ("ComfyUI", "ComfyUI workflow")
    assert (claim.seed, claim.model, claim.has_prompt, claim.prompt) == (*EXPECTED[:2], True, None)
    assert found({"png_text": f"workflow: {json.dumps(editor(classic()))[:60]}"}) == (None, None, None)


@pytest.mark.parametrize(
    "document",
    [
        {"nodes": [{"id": 1, "type": "inject"}]},
        {"nodes": {"a": 1}, "links": []},
        {"1": {"class_type": 5, "inputs": {}}},
    ],
)
def test_other_documents_are_no_graphs(document: Graph) -> None:
    assert parse_generator({"exif_user_comment": json.dumps(document)}) is None


@pytest.mark.parametrize("value", [None, True, -1.5, "x", [], {}, [[], 0], [{}, {}], ["3"], ["3", 0, 1], float("nan")])
@pytest.mark.parametrize("key", ["seed", "model", "positive", "denoise", "add_noise"])
def test_inputs_of_any_kind(key: str, value: Any) -> None:
    graph = classic()
    graph["3"]["inputs"][key] = value
    of_graph(graph)
