"""Lines of settings as AUTOMATIC1111's web UI writes them, which many others took over, and those of older programs.

    <prompt> Negative prompt: <words> Steps: 20, Sampler: Euler a, CFG scale: 7, Seed: 1, Size: 512x512, Model: <name>

Line breaks are lost where this is read, so names of settings tell the parts.
"""

from __future__ import annotations

import re

from vision.provenance.claims import GeneratorClaim
from vision.provenance.generators.texts import Texts, as_dict, as_list, claim_of, parsed, seed_of

_NAMES = (
    *("Steps", "Sampler", "CFG scale", "Guidance Scale", "Seed", "Size", "Model hash", "Model", "Schedule type"),
    *("Clip skip", "Version", "Created Date", "Civitai resources", "Base Model", "engine"),
)
_SETTING = re.compile(rf"(?<![^\s,.])({'|'.join(_NAMES)}): ?")
_ENOUGH = 3  # names of settings; a recipe may have one
_NEGATIVE = re.compile(r"(?<!\S)Negative prompt: ?", re.IGNORECASE)
_CIVITAI = "Civitai resources: "
# What a version begins with, or words of the line -> name of the program.
_BY_VERSION = (
    (re.compile(r"f\d|neo\b|.*forge", re.IGNORECASE), "Stable Diffusion WebUI Forge"),
    (re.compile(r"Fooocus", re.IGNORECASE), "Fooocus"),
    (re.compile(r"ComfyUI", re.IGNORECASE), "ComfyUI"),
    (re.compile(r"easydiffusion|Easy Diffusion", re.IGNORECASE), "Easy Diffusion"),
    (re.compile(r"InvokeAI", re.IGNORECASE), "InvokeAI"),
)
_SD_NEXT = re.compile(
    r"(?<![^\s,])(?:App: SD\.?Next|Parser: Full parser|Backend: (?:Diffusers|Original))", re.IGNORECASE
)
_DREAM = re.compile(r'"(?P<prompt>[^"]{0,20000})"(?P<options>(?: -{1,2}[A-Za-z_]+ ?[^ ]*){2,})')
_DREAM_SEED = re.compile(r"(?:^| )(?:-S|--seed) ?(-?\d{1,40})(?: |$)")


def read_parameters(texts: Texts) -> GeneratorClaim | None:
    """AUTOMATIC1111, Forge, SD.Next, Civitai, Fooocus' scheme "a1111", Draw Things' description, and the like."""
    for text in texts.plain:
        claim = _read_line(text, "Draw Things" if "draw things" in texts.get("xmp_creator_tool").lower() else None)
        if claim is not None:
            return claim
    return None


def read_easy_diffusion(texts: Texts) -> GeneratorClaim | None:
    """Easy Diffusion: a PNG text, or a member of a JSON object, for each setting."""
    for values in (texts.keyed, *texts.documents):
        lower = {key.lower().replace(" ", "_"): value for key, value in list(values.items())[:100]}
        model = lower.get("use_stable_diffusion_model", lower.get("stable_diffusion_model"))
        if model is not None and "seed" in lower:
            return claim_of("Easy Diffusion", "Easy Diffusion settings", model, lower.get("prompt"), lower["seed"])
    return None


def read_dream(texts: Texts) -> GeneratorClaim | None:
    """The command line that InvokeAI's ancestors and NMKD wrote: `"a prompt" -s 50 -S 12345 -C 7.5 -A k_lms`."""
    match = _DREAM.match(texts.keyed.get("dream", ""))
    if match is None:
        return None
    seed = _DREAM_SEED.search(match["options"])
    return claim_of("InvokeAI", "InvokeAI dream command", None, match["prompt"], seed and seed[1])


def _read_line(text: str, program: str | None) -> GeneratorClaim | None:
    places = list(_SETTING.finditer(text))
    if len({match[1] for match in places}) < _ENOUGH:
        return None
    start = _start(places)
    settings = text[start:]
    values = {name: _value(settings, name) for name in _NAMES}
    if seed_of(values["Seed"]) is None and values["Sampler"] is None and _CIVITAI not in settings:
        return None
    program = program or _program(settings, values["Version"])
    negative = _NEGATIVE.search(text, 0, start)
    prompt = text[: negative.start() if negative else start].strip()
    return claim_of(program, f"{program} parameters", _model(settings, values), prompt, values["Seed"])


def _start(places: list[re.Match[str]]) -> int:
    """Where the settings begin: at the last `Steps`, which stands first; prompts may have words like these, too."""
    steps = [match.start() for match in places if match[1] == "Steps"]
    before = [match.start() for match in places if match[1] == "Seed"]
    if not steps:
        return before[-1] if before else places[0].start()
    return steps[-1]


def _value(settings: str, name: str) -> str | None:
    match = re.search(rf'(?:^|,\s){re.escape(name)}: ?("(?:[^"\\]|\\.)*"|[^,;]*)', settings)
    return match[1].strip('" ') or None if match else None


def _program(settings: str, version: str | None) -> str:
    if _SD_NEXT.search(settings):
        return "SD.Next"
    for pattern, name in _BY_VERSION:
        if version and pattern.match(version):
            return name
    return "Civitai" if version is None and _CIVITAI in settings else "AUTOMATIC1111"


def _model(settings: str, values: dict[str, str | None]) -> str | None:
    model = values["Model"] or values["Base Model"]
    if model is None and _CIVITAI in settings:
        resources = as_list(parsed(settings.partition(_CIVITAI)[2]))
        kinds = [resource for resource in map(as_dict, resources[:100]) if resource.get("type") == "checkpoint"]
        model = next((name for name in (kind.get("modelName") for kind in kinds) if isinstance(name, str)), None)
    if model is None and values["Model hash"]:
        return f"hash {values['Model hash']}"
    return model
