"""A program of its own: has the C2PA library validate one file, within limits, and prints what it says as JSON.

The library is native code that reads a stranger's file. Here it can crash, and neither take the memory nor open
a connection; `child.py` runs this. Nothing of this package is imported, so that it starts in a tenth of a second.
"""

from __future__ import annotations

import contextlib
import json
import sys
from typing import Any, BinaryIO

MAX_MANIFESTS = 50
MAX_ENTRIES = 200  # of a list
MAX_TEXT = 2000
MAX_DEPTH = 8


def main() -> None:
    """Standard input: a JSON object with `library`, `path`, `media_type`, `settings`, `time_stamps` and more."""
    request = json.load(sys.stdin)
    sys.path.append(request["library"])
    try:
        import c2pa
    except Exception as error:  # of whatever kind: a system library is missing, or the wheel is damaged
        answer: dict[str, Any] = {"unusable": f"{type(error).__name__}: {error}"[:MAX_TEXT]}
    else:
        _limit(RLIMIT_AS=request["memory"], RLIMIT_CPU=request["seconds"], RLIMIT_CORE=0, RLIMIT_FSIZE=0)
        with open(request["path"], "rb") as file:
            # Settings and limits forbid the network twice: without new descriptors there is no socket.
            _limit(RLIMIT_NOFILE=0)
            try:
                answer = _validate(c2pa, file, request)
            except c2pa.C2paError as error:
                answer = {"error": str(error)[:MAX_TEXT]}
    json.dump(answer, sys.stdout)


def _limit(**limits: int) -> None:
    """Where the system has such limits: on Windows the time that `child.py` allows is the only one."""
    try:
        import resource
    except ImportError:
        return
    for name, value in limits.items():
        with contextlib.suppress(ValueError, OSError):
            kind = getattr(resource, name)
            hard = resource.getrlimit(kind)[1]
            value = value if hard == resource.RLIM_INFINITY else min(value, hard)
            resource.setrlimit(kind, (value, value))


def _validate(c2pa: Any, file: BinaryIO, request: dict[str, Any]) -> dict[str, Any]:
    settings = request["settings"]
    with c2pa.Reader(request["media_type"], file, context=c2pa.Context.from_dict(settings)) as reader:
        report, details = json.loads(reader.json()), json.loads(reader.crjson())
        state = reader.get_validation_state()
    certificates = {one.get("label"): one.get("signature") for one in details.get("manifests") or ()}
    active = report.get("active_manifest")
    manifests = report.get("manifests") or {}
    labels = sorted(manifests, key=lambda label: label != active)[:MAX_MANIFESTS]
    results = report.get("validation_results") or {}
    active_results = results.get("activeManifest") or {}
    deltas = [one.get("validationDeltas") or {} for one in results.get("ingredientDeltas") or ()]
    return _short(
        {
            "state": state,
            "active": active,
            "manifests": {label: _parts(manifests[label], certificates.get(label)) for label in labels},
            "left_out": len(manifests) - len(labels),
            "is_vouched": _is_vouched(c2pa, file, request, results),
            "is_time_trusted": any(
                one.get("code") == "timeStamp.trusted" for one in active_results.get("success") or ()
            ),
            "failures": active_results.get("failure") or [],
            "ingredient_failures": [failure for delta in deltas for failure in delta.get("failure") or ()],
        }
    )


def _is_vouched(c2pa: Any, file: BinaryIO, request: dict[str, Any], results: dict[str, Any]) -> bool:
    """Whether more than an authority for time stamps vouches for the signer.

    The library takes any list for any purpose, and names any one of those that fit: so it is asked again without.
    """
    if results.get("trustListUri") != request["time_stamps"]:
        return True
    settings = json.loads(json.dumps(request["settings"]))
    anchors = settings["trust"]["anchors"]
    settings["trust"]["anchors"] = [one for one in anchors if one["trust_uri"] != request["time_stamps"]]
    file.seek(0)
    with c2pa.Reader(request["media_type"], file, context=c2pa.Context.from_dict(settings)) as reader:
        active = (reader.get_validation_results() or {}).get("activeManifest") or {}
    return any(one.get("code") == "signingCredential.trusted" for one in active.get("success") or ())


def _parts(manifest: dict[str, Any], certificate: Any) -> dict[str, Any]:
    """What is reported of a manifest, as the library has it."""
    names = ("label", "validation_status")
    actions = [
        action
        for assertion in manifest.get("assertions") or ()
        if str(assertion.get("label", "")).startswith("c2pa.actions")
        for action in (assertion.get("data") or {}).get("actions") or ()
    ]
    ingredients = [
        {name: one.get(name) for name in ("title", "relationship", "format", "active_manifest")}
        for one in manifest.get("ingredients") or ()
    ]
    return {
        **{name: manifest.get(name) for name in names},
        "generator": manifest.get("claim_generator_info") or manifest.get("claim_generator"),
        "actions": actions,
        "ingredients": ingredients,
        "signature": manifest.get("signature_info"),
        "certificate": (certificate or {}).get("certificateInfo"),
        "counts": [len(actions), len(ingredients)],
    }


def _short(value: Any, depth: int = MAX_DEPTH) -> Any:
    if isinstance(value, str):
        return value[:MAX_TEXT]
    if isinstance(value, dict):
        pairs = list(value.items())[:MAX_ENTRIES] if depth else []
        return {key[:MAX_TEXT]: _short(part, depth - 1) for key, part in pairs}
    if isinstance(value, list):
        return [_short(part, depth - 1) for part in value[:MAX_ENTRIES]] if depth else []
    return value


if __name__ == "__main__":
    main()
