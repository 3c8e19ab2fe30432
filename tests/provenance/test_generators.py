"""What generators write about themselves, in their own formats, read from files as they write them."""

from __future__ import annotations

import json
import struct
from dataclasses import astuple
from typing import Any

import pytest

from vision.provenance import parse_generator
from vision.provenance.claims import GeneratorClaim

WEBUI = (
    "a tower at dusk, (best quality:1.2), <lora:tall:0.8>\nNegative prompt: lowres, bad hands\n"
    "Steps: 28, Sampler: DPM++ 2M, Schedule type: Karras, CFG scale: 7, Seed: 2873648923, Size: 832x1216, "
    "Model hash: 67ab2fd8ec, Model: tall_v10, Denoising strength: 0.4, Hires steps: 12, "
    'Lora hashes: "tall: 8d893dfb39ac, Seed: 1", Version: v1.10.1'
)
PROMPT = "a tower at dusk, (best quality:1.2), <lora:tall:0.8>"


def png_text(make: Any, **texts: str) -> dict[str, str]:
    """Read a PNG file with these texts; `__` in a name stands for a space, `_s_` for a dash."""
    chunks = [make.chunk(b"iTXt", keyword.encode() + b"\0\0\0\0\0" + text.encode()) for keyword, text in texts.items()]
    return make.png(*chunks)


def comment(make: Any, text: str, *tags: tuple[int, int, bytes]) -> dict[str, str]:
    """Read a JPEG file with this text as EXIF's UserComment, in the byte order and letters that web UIs use."""
    outer_size = 8 + 2 + 12 * (1 + len(tags)) + 4 + sum(len(value) for _, _, value in tags if len(value) > 4)
    outer = make.tiff([*tags, (0x8769, 4, struct.pack(">I", outer_size))], ">")
    assert len(outer) == outer_size
    return make.exif(outer + make.tiff([(0x9286, 7, b"UNICODE\0" + text.encode("utf-16-be"))], ">", outer_size))


def found(metadata: dict[str, str]) -> tuple[str, str | None, bool, str | None, str | None]:
    """Generator, model, whether there is a prompt, seed, prompt."""
    claim = parse_generator(metadata)
    assert claim is not None and claim.evidence
    return astuple(claim)[:5]


@pytest.mark.parametrize(
    ("before", "after", "generator"),
    [
        ("", "", "AUTOMATIC1111"),
        ("Version: v1.10.1", "Version: f2.0.1v1.10.1-previous-659-gc055f2d4", "Stable Diffusion WebUI Forge"),
        ("Version: v1.10.1", "Version: neo", "Stable Diffusion WebUI Forge"),
        ("Version: v1.10.1", "App: SD.Next, Version: 0dcd6bf, Operations: txt2img", "SD.Next"),
        ("Version: v1.10.1", "Parser: Full parser", "SD.Next"),
        (", Version: v1.10.1", "", "AUTOMATIC1111"),
        ("Version: v1.10.1", "Version: ComfyUI", "ComfyUI"),
    ],
)
def test_settings_of_web_uis(make: Any, before: str, after: str, generator: str) -> None:
    text = WEBUI.replace(before, after)
    expected = (generator, "tall_v10", True, "2873648923", PROMPT)
    assert found(png_text(make, parameters=text)) == expected
    assert found(comment(make, text)) == expected


def test_evidence_says_where(make: Any) -> None:
    claim = parse_generator(png_text(make, parameters=WEBUI))
    assert claim is not None and claim.evidence == "AUTOMATIC1111 parameters" and not claim.edited


def test_settings_without_a_prompt_or_with_one_that_looks_like_settings(make: Any) -> None:
    line = "Steps: 20, Sampler: Euler a, CFG scale: 7, Seed: 5, Size: 512x512, Model hash: 6ce0161689"
    assert found(png_text(make, parameters=line)) == ("AUTOMATIC1111", "hash 6ce0161689", False, "5", None)
    tricky = "a page with the words Steps: 99, Seed: 7, Model: other"
    assert found(png_text(make, parameters=f"{tricky}\n{line}"))[3:] == ("5", tricky)


@pytest.mark.parametrize(
    "text",
    [
        "Steps: 1. Mix the flour. 2. Bake. Size: 20 cm",
        "Model: Canon EOS R5, Size: 45 MP",
        "Steps: 20 to the tower",
        "",
        "Seed: winter wheat, Size: large, Version: second",
    ],
)
def test_other_texts_with_such_words_are_none(make: Any, text: str) -> None:
    assert parse_generator(png_text(make, parameters=text)) is None
    assert parse_generator({"exif_description": text, "jpeg_comment": text}) is None


def test_civitai(make: Any) -> None:
    resources = [
        {"type": "lora", "weight": 0.8, "modelVersionId": 9, "modelName": "not this"},
        {"type": "checkpoint", "modelVersionId": 2442439, "modelName": "Z Image", "modelVersionName": "Turbo"},
    ]
    text = (
        "a car, rain\nNegative prompt: \nSteps: 23, Sampler: Undefined, CFG scale: 3.5, Seed: 1760020955, "
        "Size: 832x1216, Clip skip: 2, Created Date: 2025-11-28T09:18:43.5269343Z, "
        f"Civitai resources: {json.dumps(resources)}, Civitai metadata: {{}}"
    )
    assert found(comment(make, text)) == ("Civitai", "Z Image", True, "1760020955", "a car, rain")
    tail = (
        f"a car, rain\nSeed: 7, engine: flux-pro, Created Date: 2026-01-01, Civitai resources: {json.dumps(resources)}"
    )
    assert found(comment(make, tail)) == ("Civitai", "Z Image", True, "7", "a car, rain")


def test_invokeai(make: Any) -> None:
    modern = {
        "generation_mode": "sdxl_txt2img",
        "positive_prompt": "a tower\nat dusk",
        "negative_prompt": "",
        "seed": 1234567890,
        "model": {"key": "0f", "hash": "blake3:1", "name": "Juggernaut XL v9", "base": "sdxl", "type": "main"},
        "app_version": "5.6.0",
    }
    expected = ("InvokeAI", "Juggernaut XL v9", True, "1234567890", "a tower at dusk")
    assert found(png_text(make, invokeai_metadata=json.dumps(modern), invokeai_graph='{"id": "1"}')) == expected
    modern["model"] = {"model_name": "Juggernaut XL v9", "base_model": "sdxl"}  # version 3
    assert found(png_text(make, invokeai_metadata=json.dumps(modern))) == expected
    old = {
        "model": "stable diffusion",
        "model_weights": "stable-diffusion-1.5",
        "app_id": "invoke-ai/InvokeAI",
        "app_version": "2.3.5",
        "image": {"prompt": [{"prompt": "a tower", "weight": 1}, {"prompt": "dusk", "weight": 0.5}], "seed": 42},
    }
    dream = '"a tower, dusk" -s 50 -S 42 -W 512 -H 512 -C 7.5 -A k_lms'
    expected = ("InvokeAI", "stable-diffusion-1.5", True, "42", "a tower dusk")
    assert found(png_text(make, Dream=dream, **{"sd-metadata": json.dumps(old)})) == expected
    assert found(png_text(make, Dream=dream)) == ("InvokeAI", None, True, "42", "a tower, dusk")
    assert found(png_text(make, invokeai_workflow="{}")) == ("InvokeAI", None, False, None, None)


NOVELAI = {
    "Title": "NovelAI generated image",
    "Description": "1girl, tower, {dusk}",
    "Software": "NovelAI",
    "Source": "NovelAI Diffusion V4.5 4BDE2A90",
    "Comment": json.dumps({"prompt": "1girl, tower, {dusk}", "steps": 28, "seed": 3401652171, "uc": "lowres"}),
}


def test_novelai(make: Any) -> None:
    expected = ("NovelAI", "NovelAI Diffusion V4.5 4BDE2A90", True, "3401652171", "1girl, tower, {dusk}")
    assert found(png_text(make, **NOVELAI)) == expected
    assert found({"stealth_text": json.dumps(NOVELAI)}) == expected
    assert found(comment(make, json.dumps(NOVELAI))) == expected
    bare = {"Software": "NovelAI", "Comment": json.dumps({"v4_prompt": {"caption": {"base_caption": "a dog"}}})}
    assert found(png_text(make, **bare)) == ("NovelAI", None, True, None, "a dog")


def test_fooocus(make: Any) -> None:
    own = {
        "base_model": "juggernautXL_v8Rundiffusion",
        "full_prompt": ["a tower, cinematic"],
        "metadata_scheme": "fooocus",
        "prompt": "a tower",
        "seed": "5021547889",
        "version": "Fooocus v2.5.5",
    }
    expected = ("Fooocus", "juggernautXL_v8Rundiffusion", True, "5021547889", "a tower")
    assert found(png_text(make, fooocus_scheme="fooocus", parameters=json.dumps(own))) == expected
    software = (0x0131, 2, b"Fooocus v2.5.5\0")
    assert found(comment(make, json.dumps(own), software)) == expected
    webui = (
        "a tower\nNegative prompt: blur\nSteps: 30, Sampler: DPM++ 2M SDE Karras, Seed: 5021547889, Size: 1152x896, "
        "CFG scale: 4, Sharpness: 2, Base Model: juggernautXL_v8Rundiffusion, Version: Fooocus v2.5.5"
    )
    assert found(png_text(make, fooocus_scheme="a1111", parameters=webui)) == expected


def test_swarmui_draw_things_and_easy_diffusion(make: Any) -> None:
    swarm = {"sui_image_params": {"prompt": "a tower", "model": "sd_xl_base_1.0", "seed": 7, "swarm_version": "0.9.6"}}
    expected = ("SwarmUI", "sd_xl_base_1.0", True, "7", "a tower")
    assert found(png_text(make, parameters=json.dumps(swarm))) == found(comment(make, json.dumps(swarm))) == expected
    draw = {"c": "a tower", "uc": "", "model": "flux_1_dev_q8p.ckpt", "sampler": "DDIM", "seed": 8, "steps": 20}
    assert found({"xmp_user_comment": json.dumps(draw)}) == ("Draw Things", "flux_1_dev_q8p.ckpt", True, "8", "a tower")
    line = "a tower Steps: 20, Sampler: DDIM, Guidance Scale: 3.5, Seed: 8, Size: 512x512, Model: flux_1_dev_q8p.ckpt"
    described = {"xmp_creator_tool": "Draw Things", "xmp_description": line}
    assert found(described) == ("Draw Things", "flux_1_dev_q8p.ckpt", True, "8", "a tower")
    easy = {"prompt": "a tower", "seed": "9", "use_stable_diffusion_model": "sd-v1-5", "sampler_name": "ddim"}
    expected = ("Easy Diffusion", "sd-v1-5", True, "9", "a tower")
    assert found(png_text(make, **easy)) == found(comment(make, json.dumps(easy))) == expected


JOB = "1b2c3d4e-5f60-4711-8899-aabbccddeeff"


@pytest.mark.parametrize(
    ("text", "model", "seed"),
    [
        (f"a tower at dusk --ar 16:9 --v 6.1 --seed 77 Job ID: {JOB}", "v 6.1", "77"),
        (f"a tower at dusk --niji 6 --stylize 250 Job ID: {JOB}", "niji 6", None),
        (f"a tower at dusk Job ID: {JOB}", None, None),
        ("a tower at dusk --ar 3:2 --v 7", "v 7", None),
    ],
)
def test_midjourney(make: Any, text: str, model: str | None, seed: str | None) -> None:
    expected = ("Midjourney", model, True, seed, "a tower at dusk")
    assert found(png_text(make, Description=text, Author="somebody")) == expected
    assert found(make.exif(make.tiff([(0x010E, 2, text.encode() + b"\0")]))) == expected
    assert found({"xmp_description": text}) == expected


def test_options_of_other_programs_are_no_prompt() -> None:
    assert parse_generator({"exif_description": "made by convert --quality 90 --v"}) is None
    assert parse_generator({"exif_description": "see the list --s"}) is None


def test_grok(make: Any) -> None:
    signature = b"Signature: " + b"Zm9ydHkgbGV0dGVycyBhbmQgbW9yZSBvZiBiYXNlNjQgdGV4dA" + b"==\0"
    artist = (0x013B, 2, f"{JOB}\0".encode())
    assert found(make.exif(make.tiff([(0x010E, 2, signature), artist]))) == ("Grok", None, False, None, None)
    assert parse_generator(make.exif(make.tiff([(0x010E, 2, signature)]))) is None
    assert parse_generator(make.exif(make.tiff([(0x010E, 2, b"Signature: J. Doe\0"), artist]))) is None


def test_flux_stands_where_cameras_do(make: Any) -> None:
    tags = [
        (0x010E, 2, b"a tower\0"),
        (0x010F, 2, b"Black Forest Labs\0"),
        (0x0110, 2, b"flux-dev\0"),
        (0x0131, 2, b"AI generated;txt2img;flux\0"),
    ]
    assert found(make.exif(make.tiff(tags))) == ("FLUX", "flux-dev", True, None, "a tower")


@pytest.mark.parametrize(
    ("metadata", "generator", "edited"),
    [
        ({"xmp_credit": "Made with Google AI"}, "Google AI", False),
        ({"iptc_credit": "Edited with Google AI"}, "Google AI", True),
        ({"iptc_credit": "Made with AI"}, "AI", False),
        ({"xmp_creator_tool": "Adobe Firefly 3"}, "Adobe Firefly", False),
        ({"exif_software": "Bing Image Creator"}, "Bing Image Creator", False),
        ({"xmp_creator_tool": "Microsoft Designer"}, "Microsoft Designer", False),
        ({"exif_software": "Paint Cocreator"}, "Microsoft Paint", False),
        ({"iptc_program": "OpenAI DALL·E 3"}, "DALL-E", False),
        ({"xmp_creator_tool": "ChatGPT"}, "OpenAI", False),
        ({"xmp_credit": "Midjourney"}, "Midjourney", False),
        ({"exif_artist": "Stable Diffusion 1.5"}, "Stable Diffusion", False),
        ({"xmp_credit": "Apple Image Playground"}, "Apple Image Playground", False),
        ({"png_text": "Software: Stability.ai"}, "Stability AI", False),
        ({"xmp_ai_system": "Imagen; 4", "xmp_ai_prompt": "a tower"}, "Imagen", False),
        ({"xmp_ai_system": "ChatGPT; GPT-4o"}, "OpenAI", False),
    ],
)
def test_programs_and_services_by_name(metadata: dict[str, str], generator: str, edited: bool) -> None:
    claim = parse_generator(metadata)
    assert claim is not None and (claim.generator, claim.edited) == (generator, edited)


@pytest.mark.parametrize(
    "metadata",
    [
        {"exif_software": "Adobe Photoshop 25.0 (Windows)"},
        {"exif_software": "Editor de imagen 2"},
        {"exif_artist": "Anna Kling-Grok", "xmp_creator": "the Firefly team"},
        {"xmp_credit": "NASA / Gemini"},
        {"exif_description": "A talk about Midjourney and DALL-E", "iptc_keywords": "midjourney; stable diffusion"},
        {"png_text": "Title: Stable Diffusion explained; Comment: made by hand"},
        {"xmp_credit": "Made with AI CS6"},
        {"exif_make": "Canon", "exif_model": "Canon EOS R5"},
        {"provenance_notes": "midjourney", "c2pa_manifest": "present, not validated"},
        {},
    ],
)
def test_who_only_speaks_of_them_is_none(metadata: dict[str, str]) -> None:
    assert parse_generator(metadata) is None


LABEL = {"Label": "1", "ContentProducer": "001191310000MACQD9", "ProduceID": "7", "ReservedCode1": ""}


def test_the_chinese_label(make: Any) -> None:
    text = json.dumps(LABEL)
    expected = ("AIGC label of 001191310000MACQD9", None, False, None, None)
    assert found({"xmp_aigc": text}) == found(png_text(make, AIGC=text)) == expected
    assert found(comment(make, json.dumps({"AIGC": LABEL}))) == expected
    assert found({"xmp_aigc": json.dumps({**LABEL, "Label": 1})}) == expected
    assert parse_generator({"xmp_aigc": json.dumps({**LABEL, "Label": "2"})}) is None
    assert parse_generator({"xmp_aigc": json.dumps({"Label": "1"})}) is None


def test_what_one_text_lacks_another_says(make: Any) -> None:
    graph = {"1": {"class_type": "KSampler", "inputs": {"latent_image": ["2", 0]}}}
    texts = {"prompt": json.dumps(graph), "parameters": WEBUI}
    assert found(png_text(make, **texts)) == ("ComfyUI", "tall_v10", True, "2873648923", PROMPT)


def test_prompts_are_bounded(make: Any) -> None:
    claim = parse_generator(png_text(make, parameters="word " * 5000 + WEBUI[WEBUI.index("Negative") :]))
    assert isinstance(claim, GeneratorClaim) and claim.prompt is not None
    assert len(claim.prompt) == 10_000 and claim.prompt.endswith("…")
