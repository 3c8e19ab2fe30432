"""From the C2PA library's report to a `SignedClaim`: one line each, in plain words."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from vision.provenance.claims import SignedClaim
from vision.provenance.source_types import rank
from vision.provenance.text import one_line

VALID, UNTRUSTED, INVALID = "valid", "untrusted", "invalid"
MAX_LINE = 300
MAX_LINES = 50
MAX_PARENTS = 20

UNKNOWN_SIGNER = "the signer is on no trusted list"
_CHANGED = "the image was changed after it was signed"
_PART_CHANGED = "a part of the manifest was changed after it was signed"
_EXPIRED = "the certificate was not valid when it signed, as far as the file tells"
# The specification's codes of failures.
_MEANINGS = {
    "signingCredential.untrusted": UNKNOWN_SIGNER,
    "signingCredential.invalid": "the certificate is none for signing claims",
    "signingCredential.expired": _EXPIRED,
    "signingCredential.revoked": "the certificate was revoked",
    "signingCredential.ocsp.revoked": "the certificate was revoked",
    "claimSignature.outsideValidity": _EXPIRED,
    "claimSignature.mismatch": "the signature does not fit the manifest",
    "claimSignature.missing": "the signature is missing",
    "claim.missing": "the claim is missing",
    "claim.hardBindings.missing": "nothing binds the manifest to the image",
    "assertion.dataHash.mismatch": _CHANGED,
    "assertion.bmffHash.mismatch": _CHANGED,
    "assertion.boxesHash.mismatch": _CHANGED,
    "assertion.collectionHash.mismatch": _CHANGED,
    "assertion.hashedURI.mismatch": _PART_CHANGED,
    "assertion.missing": "a part of the manifest is missing",
    "ingredient.manifest.mismatch": "the manifest of an ingredient was changed after it was signed",
    "ingredient.manifest.missing": "the manifest of an ingredient is missing",
    "manifest.inaccessible": "a manifest is kept elsewhere and was not fetched",
}


def summarize(answer: dict[str, Any]) -> SignedClaim:
    """What `child.validate` answered, in plain words; whatever its parts are, this does not fail."""
    if answer.get("state") not in ("Trusted", "Valid", "Invalid"):
        return SignedClaim(INVALID, remarks=(_failure(answer),))
    manifests = _dict(answer.get("manifests"))
    label = answer.get("active")
    active = _dict(manifests.get(label)) if isinstance(label, str) else {}
    signature = {"Trusted": VALID, "Valid": UNTRUSTED}.get(str(answer["state"]), INVALID)
    remarks = list(_remarks(_list(answer.get("failures"))))
    if signature == VALID and answer.get("is_vouched") is not True:
        signature = UNTRUSTED
    if signature == UNTRUSTED and UNKNOWN_SIGNER not in remarks:
        remarks.insert(0, UNKNOWN_SIGNER)
    remarks += [f"an ingredient: {text}" for text in _remarks(_list(answer.get("ingredient_failures")))]
    chain = list(_chain(active, manifests))
    remarks += _component_remarks(chain, manifests)
    names = _dict(active.get("signature"))
    if names.get("time") and answer.get("is_time_trusted") is not True:
        remarks.append("the time of signing is told by an authority on no trusted list")
    certificate = _dict(active.get("certificate"))
    return SignedClaim(
        signature,
        signer=_name(certificate.get("subject"))
        or _line(names.get("issuer"))
        or _line(names.get("common_name"))
        or None,
        issuer=_name(certificate.get("issuer")),
        claim_generator=_program(active.get("generator")),
        signed_at=_line(names.get("time")) or None,
        actions=_lines(map(_action, _list(active.get("actions")))),
        ingredients=_lines(map(_ingredient, _list(active.get("ingredients")))),
        source_type=_source_type(chain),
        remarks=_lines(remarks),
    )


def _failure(answer: dict[str, Any]) -> str:
    error = _line(answer.get("error"))
    if error.startswith("Remote: "):
        return "the manifest is kept elsewhere and was not fetched"
    if error:
        return _line(f"the manifest store is damaged: {error}")
    return _line(answer.get("stopped")) or "the C2PA library gave no answer"


def _remarks(failures: list[Any]) -> Iterator[str]:
    for failure in map(_dict, failures):
        code = _line(failure.get("code"))
        yield _MEANINGS.get(code) or _line(f"{code}: {failure.get('explanation') or 'no more is said'}")


def _chain(active: dict[str, Any], manifests: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The active manifest, that of the image it was made from, and so on."""
    manifest, seen = active, 0
    while manifest and seen < MAX_PARENTS:
        yield manifest
        parents = (_dict(part) for part in _list(manifest.get("ingredients")))
        labels = [part.get("active_manifest") for part in parents if part.get("relationship") == "parentOf"]
        manifest = _dict(manifests.get(labels[0])) if labels and isinstance(labels[0], str) else {}
        seen += 1


def _source_type(chain: list[dict[str, Any]]) -> str | None:
    """Of all that the image went through, what is nearest to "made by a model": an edit hides no origin."""
    types = [found for manifest in chain for found in _source_types(manifest)]
    return min(types, key=rank, default=None)


def _source_types(manifest: dict[str, Any]) -> list[str]:
    actions = map(_dict, _list(manifest.get("actions")))
    return [text for text in (_line(action.get("digitalSourceType")) for action in actions) if text]


def _component_remarks(chain: list[dict[str, Any]], manifests: dict[str, Any]) -> Iterator[str]:
    for manifest in chain[1:]:
        for found in _source_types(manifest):
            yield f"the image that it was made from is declared as {_term(found)}"
    for part in map(_dict, _list(chain[0].get("ingredients")) if chain else []):
        label = part.get("active_manifest")
        if part.get("relationship") != "parentOf" and isinstance(label, str):
            for found in _source_types(_dict(manifests.get(label))):
                yield f"a component is declared as {_term(found)}: {_line(part.get('title'))}"


def _action(action: Any) -> str:
    """Such as "c2pa.created: trainedAlgorithmicMedia, by Firefly 3"."""
    action = _dict(action)
    agent = _program(action.get("softwareAgent"))
    more = [_term(_line(action.get("digitalSourceType"))), f"by {agent}" if agent else ""]
    return ": ".join(filter(None, (_line(action.get("action")), ", ".join(filter(None, more)))))


def _ingredient(part: Any) -> str:
    part = _dict(part)
    return ": ".join(filter(None, (_line(part.get("relationship")), _line(part.get("title")) or "untitled")))


def _program(value: Any) -> str | None:
    """A name with its version; of several programs the first."""
    first = value[0] if isinstance(value, list) and value else value
    if isinstance(first, dict):
        first = " ".join(filter(None, (_line(first.get("name")), _line(first.get("version")))))
    return _line(first) or None


def _name(value: Any) -> str | None:
    """Of a certificate: organization and common name, such as "Adobe Inc. (cai-prod)"."""
    organization, name = (_line(_dict(value).get(key)) for key in ("O", "CN"))
    if organization and name and name != organization:
        return f"{organization} ({name})"
    return organization or name or None


def _term(address: str) -> str:
    return address.rstrip("/").rpartition("/")[2]


def _lines(texts: Any) -> tuple[str, ...]:
    """Each once, at most fifty, and how many were left out."""
    lines = list(dict.fromkeys(filter(None, map(_line, texts))))
    more = len(lines) - MAX_LINES
    return (*lines[:MAX_LINES], f"and {more:,} more") if more > 0 else tuple(lines)


def _line(value: Any) -> str:
    return one_line(value, MAX_LINE) if isinstance(value, str) else ""


def _dict(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []
