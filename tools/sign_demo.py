"""Sign an image with a C2PA manifest, by a certificate made on the spot: for demonstrations, vouches for nothing."""

from __future__ import annotations

import argparse
import datetime
import io
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import c2pa
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from vision.cli.process import program
from vision.files import write_bytes

SOURCE_TYPES = "http://cv.iptc.org/newscodes/digitalsourcetype/"
_MEDIA_TYPES = {
    ".jpg": "image/jpeg",
    ".jpeg": "image/jpeg",
    ".png": "image/png",
    ".webp": "image/webp",
    ".avif": "image/avif",
    ".heic": "image/heic",
    ".mp4": "video/mp4",
}


class Identity(NamedTuple):
    """A certificate and its key."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey

    def pem(self) -> str:
        """The certificate alone."""
        return self.certificate.public_bytes(serialization.Encoding.PEM).decode()

    def key_pem(self) -> bytes:
        """The key alone."""
        plain = serialization.NoEncryption()
        return self.key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain)


@program
def main() -> int:
    """Parse the arguments and sign; exit code 0, or 2 with a line that says what is wrong."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("image", type=Path)
    parser.add_argument("output", type=Path)
    parser.add_argument("--source-type", default="trainedAlgorithmicMedia", help="of IPTC's vocabulary (%(default)s)")
    parser.add_argument("--certificate", type=Path, help="write the authority's certificate here, for --trust")
    arguments = parser.parse_args()
    try:
        authority = sign_demo(arguments.image, arguments.output, arguments.source_type)
        if arguments.certificate:
            write_bytes(arguments.certificate, authority.encode())
    except (ValueError, OSError, c2pa.C2paError) as error:
        print(f"sign_demo: {error}", file=sys.stderr)
        return 2
    return 0


def sign_demo(
    path_in: str | os.PathLike[str], path_out: str | os.PathLike[str], source_type: str = "trainedAlgorithmicMedia"
) -> str:
    """Write a signed copy of an image (JPEG, PNG, WebP, AVIF, HEIC or MP4); every name in it says that it is a demo.

    Args:
        path_in: what is signed.
        path_out: the copy.
        source_type: term of IPTC's digital source types, which the signature then states.

    Returns:
        The certificate of the authority, PEM: the signature is "valid" for whoever trusts that, "untrusted" for others.

    Raises:
        ValueError: the name of the file has another suffix.
        OSError: a file cannot be read or written.
    """
    suffix = Path(path_in).suffix.lower()
    if suffix not in _MEDIA_TYPES:
        raise ValueError(f"{str(path_in)!r} has the suffix {suffix!r}; expected one of {', '.join(_MEDIA_TYPES)}")
    authority = make_identity("Demo authority, vouches for nothing")
    signer = make_identity("Demo signer, vouches for nothing", authority)
    actions = [{"action": "c2pa.created", "digitalSourceType": SOURCE_TYPES + source_type}]
    manifest = make_manifest("neighborhood-vision demo", Path(path_in).name, actions)
    data = sign(Path(path_in).read_bytes(), _MEDIA_TYPES[suffix], manifest, [signer])
    write_bytes(path_out, data)
    return authority.pem()


def make_identity(
    name: str,
    issuer: Identity | None = None,
    days: tuple[float, float] = (-1, 365),
    ocsp: str | None = None,
    use: x509.ObjectIdentifier = ExtendedKeyUsageOID.EMAIL_PROTECTION,
) -> Identity:
    """A certificate with a new key: of an authority where nobody issues it, else of a signer of claims.

    Args:
        name: whom it is made out to.
        issuer: who signs it; by default it signs itself.
        days: from now, between which it is valid.
        ocsp: address at which its revocation could be asked for.
        use: what a signer may sign; claims, by default.
    """
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name(
        [x509.NameAttribute(NameOID.ORGANIZATION_NAME, name), x509.NameAttribute(NameOID.COMMON_NAME, name)]
    )
    issuer_key = issuer.key if issuer else key
    now, is_authority = datetime.datetime.now(datetime.timezone.utc), issuer is None
    uses = dict.fromkeys(("content_commitment", "key_encipherment", "data_encipherment", "key_agreement"), False)
    uses |= {"encipher_only": False, "decipher_only": False, "digital_signature": not is_authority}
    builder = (
        x509.CertificateBuilder(subject_name=subject, issuer_name=issuer.certificate.subject if issuer else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now + datetime.timedelta(days[0]))
        .not_valid_after(now + datetime.timedelta(days[1]))
        .add_extension(x509.BasicConstraints(is_authority, None), True)
        .add_extension(x509.KeyUsage(key_cert_sign=is_authority, crl_sign=is_authority, **uses), True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key()), False)
    )
    if not is_authority:
        builder = builder.add_extension(x509.ExtendedKeyUsage([use]), True)
    if ocsp:
        place = x509.AccessDescription(x509.AuthorityInformationAccessOID.OCSP, x509.UniformResourceIdentifier(ocsp))
        builder = builder.add_extension(x509.AuthorityInformationAccess([place]), False)
    return Identity(builder.sign(issuer_key, hashes.SHA256()), key)


def make_manifest(generator: str, title: str, actions: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """A manifest that states actions."""
    return {
        "claim_generator_info": [{"name": generator, "version": "1.0"}],
        "title": title,
        "assertions": [{"label": "c2pa.actions", "data": {"actions": list(actions)}}],
    }


def sign(
    data: bytes,
    media_type: str,
    manifest: dict[str, Any],
    chain: Sequence[Identity],
    ingredients: Sequence[tuple[dict[str, Any], str, bytes]] = (),
    remote: str | None = None,
    clock: str | None = None,
) -> bytes:
    """A signed copy of a file.

    Args:
        data: of the file.
        media_type: of the file.
        manifest: what is stated.
        chain: the signer, then whoever stands between it and the authority.
        ingredients: each with its description, media type and file.
        remote: address of the manifest, which then is not in the file.
        clock: address of an authority for time stamps (RFC 3161), which is asked for one.
    """
    certificates = "".join(identity.pem() for identity in chain).encode()
    signer = c2pa.Signer.from_info(c2pa.C2paSignerInfo(b"es256", certificates, chain[0].key_pem(), clock))
    # No manifest is fetched here either, and no thumbnail is made.
    settings: dict[str, Any] = {
        "verify": {"verify_after_sign": False, "remote_manifest_fetch": False, "ocsp_fetch": False}
    }
    settings["builder"] = {"thumbnail": {"enabled": False}}
    output = io.BytesIO()
    with c2pa.Builder(json.dumps(manifest), context=c2pa.Context.from_dict(settings)) as builder:
        for description, kind, part in ingredients:
            builder.add_ingredient(json.dumps(description), kind, io.BytesIO(part))
        if remote:
            builder.set_no_embed()
            builder.set_remote_url(remote)
        builder.sign(signer, media_type, io.BytesIO(data), output)
    return output.getvalue()


if __name__ == "__main__":
    sys.exit(main())
