"""Services and programs that name themselves in a line of text, a credit, a pair of tags or a label."""

from __future__ import annotations

import re

from vision.provenance.claims import GeneratorClaim
from vision.provenance.generators.texts import Texts, as_dict, claim_of, one_line

# Fields in which programs name themselves, with versions and other words.
_PROGRAMS = ("exif_software", "xmp_creator_tool", "xmp_software", "iptc_program", "exif_editor")
# Fields that may speak of anything: their whole text has to be a name.
_OTHERS = (
    *("xmp_credit", "iptc_credit", "xmp_source", "iptc_source", "xmp_creator", "iptc_byline", "exif_artist"),
    *("exif_make", "exif_model", "xmp_camera", "exif_xp_author"),
)
# Whole words of a name -> generator.
_SYSTEMS = {
    r"midjourney": "Midjourney",
    r"dall[\W_]?e(?: ?[23])?": "DALL-E",
    r"chatgpt|gpt-4o|gpt[- ]image(?:-1)?|openai(?: api)?": "OpenAI",
    r"adobe firefly|firefly (?:image|video)(?: model)?(?: \d)?": "Adobe Firefly",
    r"grok|xai|x\.ai": "Grok",
    r"bing image creator|image creator from (?:microsoft )?designer|microsoft bing image creator": "Bing Image Creator",
    r"microsoft designer": "Microsoft Designer",
    r"microsoft_responsible_ai_image_provenance": "Microsoft",
    r"paint cocreator": "Microsoft Paint",
    r"google (?:imagen|gemini|ai)|imagefx|gemini[ -]\d[\w. -]*|nano banana(?: pro)?": "Google AI",
    r"apple image playground|image playground": "Apple Image Playground",
    r"meta ai|imagined with ai": "Meta AI",
    r"ideogram(?:\.ai)?": "Ideogram",
    r"leonardo\.?ai": "Leonardo.Ai",
    r"black forest labs": "FLUX",
    r"stability\.?ai|dreamstudio": "Stability AI",
    r"stable[- ]?diffusion|sdxl": "Stable Diffusion",
    r"novelai": "NovelAI",
    r"invokeai|invoke-ai": "InvokeAI",
    r"comfyui": "ComfyUI",
    r"fooocus": "Fooocus",
    r"draw things": "Draw Things",
    r"mochi diffusion": "Mochi Diffusion",
    r"diffusionbee": "DiffusionBee",
    r"recraft(?:\.ai)?": "Recraft",
    r"nightcafe(?: studio)?": "NightCafe",
    r"dreamina|jimeng|即梦": "Dreamina",
    r"doubao|豆包": "Doubao",
    r"seedream": "Seedream",
    r"kling(?: ai)?": "Kling",
    r"craiyon": "Craiyon",
    r"krea\.ai": "Krea",
    r"playground\.?ai|playground ai": "Playground AI",
    r"tensor\.art": "Tensor.Art",
    r"seaart(?:\.ai)?": "SeaArt",
    r"artbreeder": "Artbreeder",
    r"starryai": "StarryAI",
    r"runwayml|runway ml": "Runway",
    r"wombo(?: dream)?": "Wombo",
}
_SYSTEM = [(re.compile(rf"(?<![\w.])(?:{words})(?!\w)", re.IGNORECASE), name) for words, name in _SYSTEMS.items()]
_GOOGLE = re.compile(r"(?P<how>made|created|generated|edited|enhanced) with google ai", re.IGNORECASE)
_WITH_AI = re.compile(
    r"(?P<how>made|generated|edited) (?:with|by|using) (?:generative )?ai(?!\w| ?(?:cs|\d))", re.IGNORECASE
)
_FLUX = re.compile(r"AI generated;(?P<mode>[\w ]*);?(?P<model>[\w .-]*)", re.IGNORECASE)
_GROK = re.compile(r"Signature: ?[A-Za-z0-9+/]{40,}={0,2}(?![^\s;])")
_UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
_JOB = re.compile(rf"\bJob ID: ?{_UUID.pattern}", re.IGNORECASE)
_MIDJOURNEY = re.compile(r"(?<!\S)--(?:v|version|niji|ar|aspect|stylize|s|chaos|c|style|q|quality|sref|raw)(?=[ ;,]|$)")
_VERSION = re.compile(r"(?<!\S)--(?P<kind>v|version|niji) (?P<number>\d[\d.]{0,4})(?=[ ;,]|$)")
_SEED = re.compile(r"(?<!\S)--seed (\d{1,20})(?=[ ;,]|$)")
_MOCHI = re.compile(r"Generator: ?Mochi Diffusion")
_ONLY_VERSION = re.compile(r"[\sv\d.,-]*")
_KEYWORDS = ("software", "source", "title")
_LONGEST_NAME = 500  # letters of a field that is a name rather than a text

AI_LABEL = "1"


def read_service(texts: Texts) -> GeneratorClaim | None:
    """The first of: Midjourney's description, Grok's signature, FLUX, IPTC's AI system, credits, programs' names."""
    for read in (_midjourney, _grok, _flux, _ai_system, _credit, _named):
        claim = read(texts)
        if claim is not None:
            return claim
    return None


def read_label(texts: Texts) -> GeneratorClaim | None:
    """The label of GB 45438 where it says that a model made the image; "2" and "3" mean that one may have."""
    label = aigc_label(texts)
    if label.get("Label") != AI_LABEL:
        return None
    producer = label.get("ContentProducer")
    name = f"AIGC label of {producer}" if isinstance(producer, str) and producer.strip() else "AIGC label"
    return claim_of(name, "AIGC label (GB 45438)")


def aigc_label(texts: Texts) -> dict[str, str]:
    """The label of GB 45438, wherever it stands: Label, ContentProducer, ProduceID ...; empty if there is none."""
    if not any("Label" in text for text in texts.fields.values()):  # JSON is not parsed in vain
        return {}
    for value in (texts.fields.get("xmp_aigc"), texts.keyed.get("aigc"), *texts.documents):
        label = as_dict(value)
        label = as_dict(label.get("AIGC")) or label
        if "Label" in label and ("ContentProducer" in label or "ProduceID" in label):
            return {
                str(key)[:100]: str(item)[:300] for key, item in list(label.items())[:20] if not isinstance(item, dict)
            }
    return {}


def known_system(text: str | None, whole: bool = False) -> str | None:
    """The generator that a text names, such as a C2PA claim generator or a program; None if it names none.

    Args:
        text: its first 500 letters count.
        whole: whether the name, perhaps with a version, has to be all of the text.
    """
    if not text:
        return None
    text = text[:_LONGEST_NAME].strip()
    for pattern, name in _SYSTEM:
        match = pattern.match(text) if whole else pattern.search(text)
        if match is not None and (not whole or _ONLY_VERSION.fullmatch(text, match.end())):
            return name
    return None


def _midjourney(texts: Texts) -> GeneratorClaim | None:
    candidates = [texts.keyed.get("description", ""), *(texts.get(n) for n in ("exif_description", "xmp_description"))]
    for text in (*candidates, texts.get("iptc_caption")):
        job, option = _JOB.search(text), _MIDJOURNEY.search(text)
        if job is None and (option is None or _VERSION.search(text) is None):
            continue
        end = min([match.start() for match in (job, option) if match] or [len(text)])
        version, seed = _VERSION.search(text), _SEED.search(text)
        model = version and f"{'niji' if version['kind'] == 'niji' else 'v'} {version['number']}"
        return claim_of("Midjourney", "Midjourney description", model, text[:end], seed and seed[1])
    return None


def _grok(texts: Texts) -> GeneratorClaim | None:
    """A signature of the service's own as description, and a number of the job as artist."""
    signed = any(_GROK.search(texts.get(name)) for name in ("exif_description", "exif_user_comment", "exif_xp_comment"))
    return claim_of("Grok", "Grok signature") if signed and _UUID.search(texts.get("exif_artist")) else None


def _flux(texts: Texts) -> GeneratorClaim | None:
    """Black Forest Labs' own programs stand where cameras do: maker and model."""
    software = _FLUX.search(texts.get("exif_software"))
    make = texts.get("exif_make")
    if software is None and "black forest labs" not in make.lower():
        return None
    model = texts.get("exif_model") or (software and software["model"])
    is_flux = "black forest" in make.lower() or (software is not None and "flux" in software["model"].lower())
    name = "FLUX" if is_flux else one_line(make or "AI generated", 100)
    return claim_of(name, "EXIF software", model, texts.get("exif_description"))


def _ai_system(texts: Texts) -> GeneratorClaim | None:
    """IPTC's properties of 2025."""
    system = texts.get("xmp_ai_system")
    if not system:
        return None
    name, _, version = system.partition("; ")
    return claim_of(known_system(name) or name, "XMP AISystemUsed", version or name, texts.get("xmp_ai_prompt"))


def _credit(texts: Texts) -> GeneratorClaim | None:
    for name in ("xmp_credit", "iptc_credit"):
        text = texts.get(name)[:_LONGEST_NAME]
        match = _GOOGLE.search(text) or _WITH_AI.search(text)
        if match is not None:
            generator = "Google AI" if match.re is _GOOGLE else known_system(text) or "AI"
            is_edited = match["how"].lower() in ("edited", "enhanced")
            return claim_of(generator, f"{name.partition('_')[0].upper()} credit", edited=is_edited)
    return None


def _named(texts: Texts) -> GeneratorClaim | None:
    if any(_MOCHI.search(texts.get(name)) for name in ("iptc_caption", "exif_description", "exif_user_comment")):
        return claim_of("Mochi Diffusion", "Mochi Diffusion caption")
    fields = [(_place(name), texts.get(name), name in _OTHERS) for name in (*_PROGRAMS, *_OTHERS)]
    fields += [(f"PNG text {name}", texts.keyed.get(name, ""), name != "software") for name in _KEYWORDS]
    for place, text, whole in fields:
        name = known_system(text, whole)
        if name is not None:
            return claim_of(name, place)
    return None


def _place(field: str) -> str:
    kind, _, name = field.partition("_")
    return f"{kind.upper()} {name.replace('_', ' ')}"
