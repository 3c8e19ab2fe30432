"""A software bill of materials of a wheel, in CycloneDX: what it carries, and what it asks for beside it."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from datetime import datetime, timezone
from email.message import Message
from email.parser import Parser
from hashlib import sha256
from pathlib import Path

from cyclonedx.model import HashAlgorithm, HashType, Property
from cyclonedx.model.bom import Bom
from cyclonedx.model.component import Component, ComponentScope, ComponentType
from cyclonedx.model.license import LicenseExpression
from cyclonedx.output.json import JsonV1Dot6
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from packageurl import PackageURL
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

# By the kind of file: what it is, and its license where that is not the package's own.
CARRIED: dict[str, tuple[ComponentType, str | None]] = {
    ".safetensors": (ComponentType.MACHINE_LEARNING_MODEL, "Apache-2.0"),
    ".pem": (ComponentType.DATA, "O-UDA-1.0"),
    ".so": (ComponentType.LIBRARY, "Apache-2.0"),
}
# Extras for those who work on the suite: no user installs what they ask for.
DEVELOPERS = ("dev", "test", "docs", "dist")


def write_sbom(folder: Path, path: Path, epoch: int) -> None:
    """Write the bill of an unpacked wheel.

    Args:
        folder: the unpacked wheel.
        path: of the file to write.
        epoch: seconds since 1970 that the bill is dated; the same wheel and time give the same bytes.

    Raises:
        ValueError: what was made is no valid CycloneDX.
    """
    (metadata,) = folder.glob("*.dist-info/METADATA")
    bom = make_bom(folder, Parser().parsestr(metadata.read_text(encoding="utf-8")), epoch)
    text = JsonV1Dot6(bom).output_as_string(indent=2) + "\n"
    problem = JsonStrictValidator(SchemaVersion.V1_6).validate_str(text)
    if problem is not None:
        raise ValueError(f"the bill of materials is not valid: {problem}")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def make_bom(folder: Path, metadata: Message, epoch: int) -> Bom:
    """The bill itself: the package, what it carries, what it requires."""
    name, version = str(canonicalize_name(metadata["Name"])), metadata["Version"]
    package = Component(
        name=name,
        version=version,
        type=ComponentType.LIBRARY,
        bom_ref=f"{name}@{version}",
        purl=PackageURL("pypi", None, name, version),
        description=metadata["Summary"],
        licenses=[LicenseExpression(metadata["License-Expression"])],
    )
    carried = [*_carried(folder)]
    required = [*_required(metadata)]
    seen = "".join(sorted(f"{one.name}{one.hashes}" for one in carried))
    bom = Bom(
        components=[*carried, *required],
        serial_number=uuid.uuid5(uuid.NAMESPACE_URL, f"{package.purl}{seen}"),
    )
    bom.metadata.timestamp = datetime.fromtimestamp(epoch, timezone.utc)
    bom.metadata.component = package
    bom.register_dependency(package, required)
    return bom


def _carried(folder: Path) -> Iterator[Component]:
    """Files that are not source: weights, lists of certificates, what was compiled."""
    for path in sorted(folder.rglob("*")):
        if path.suffix in CARRIED and path.is_file():
            kind, license_name = CARRIED[path.suffix]
            name = path.relative_to(folder).as_posix()
            yield Component(
                name=name,
                type=kind,
                bom_ref=f"file:{name}",
                hashes=[HashType(alg=HashAlgorithm.SHA_256, content=sha256(path.read_bytes()).hexdigest())],
                licenses=[LicenseExpression(license_name)] if license_name else [],
            )


def _required(metadata: Message) -> Iterator[Component]:
    """Distributions that it asks for, with the versions that fit; the installed ones are the user's choice."""
    found: dict[str, list[Requirement]] = {}
    for text in metadata.get_all("Requires-Dist") or []:
        requirement = Requirement(text)
        name: str = canonicalize_name(requirement.name)
        is_ours = name == canonicalize_name(metadata["Name"])  # an extra that takes in another
        if not is_ours and not any(f'extra == "{extra}"' in str(requirement.marker) for extra in DEVELOPERS):
            found.setdefault(name, []).append(requirement)
    for name, requirements in sorted(found.items()):
        always = any(one.marker is None for one in requirements)
        yield Component(
            name=name,
            type=ComponentType.LIBRARY,
            bom_ref=f"pypi:{name}",
            purl=PackageURL("pypi", None, name),
            scope=ComponentScope.REQUIRED if always else ComponentScope.OPTIONAL,
            properties=[Property(name="python:requires-dist", value=str(one)) for one in requirements],
        )
