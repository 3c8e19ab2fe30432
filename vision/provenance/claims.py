"""What a file says of its origin, as results: signed, by a generator's texts, and all of it in one."""

from __future__ import annotations

from dataclasses import dataclass

AI_GENERATED = "ai-generated"
AI_EDITED = "ai-edited"
CAMERA = "camera"
UNDECLARED = "none"


@dataclass(frozen=True)
class SignedClaim:
    """A C2PA manifest store, validated.

    Attributes:
        signature: "valid" (the chain ends at a trusted certificate), "untrusted" (sound, but the signer is unknown) or
            "invalid" (broken, tampered with, of other pixels, expired ...).
        signer: whom the certificate is made out to.
        issuer: who made the certificate.
        claim_generator: program that wrote the active manifest.
        signed_at: time of the signature, ISO 8601.
        actions: of the active manifest, one line each.
        ingredients: title and relationship, one line each.
        source_type: IPTC's digitalSourceType of the actions of the active manifest, an address.
        remarks: why it is invalid or untrusted, and what was not read.
    """

    signature: str
    signer: str | None = None
    issuer: str | None = None
    claim_generator: str | None = None
    signed_at: str | None = None
    actions: tuple[str, ...] = ()
    ingredients: tuple[str, ...] = ()
    source_type: str | None = None
    remarks: tuple[str, ...] = ()


@dataclass(frozen=True)
class GeneratorClaim:
    """What a generator wrote about itself; nobody signed it.

    Attributes:
        generator: such as "AUTOMATIC1111" or "Midjourney".
        model: name of the checkpoint or version; None where the file does not say.
        has_prompt: whether a prompt is there.
        seed: digits, or what the program writes in their place.
        prompt: its text, at most 10,000 letters; reported on request only.
        evidence: where it was read, such as "AUTOMATIC1111 parameters"; for people.
        edited: whether it says that an image was edited, rather than made.
    """

    generator: str
    model: str | None = None
    has_prompt: bool = False
    seed: str | None = None
    prompt: str | None = None
    evidence: str = ""
    edited: bool = False


@dataclass(frozen=True)
class Declaration:
    """All that a file says of its origin, in one.

    Attributes:
        declared: "ai-generated", "ai-edited", "camera" or "none".
        declared_by: what says so, such as "C2PA: Firefly, signed by Adobe" or "EXIF make and model"; None for "none".
        signature: of the C2PA manifest store, as in `SignedClaim`; None without one.
        remarks: what contradicts the declaration, one line each.
    """

    declared: str
    declared_by: str | None = None
    signature: str | None = None
    remarks: tuple[str, ...] = ()
