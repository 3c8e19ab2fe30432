"""Provenance metadata: found where each kind of file keeps it, bounded, and never an error."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, PngImagePlugin, TiffImagePlugin

from vision.provenance import PROVENANCE_FIELDS, read_provenance

SOURCE_TYPE = "http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia"
XMP = (
    '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF><rdf:Description xmp:CreatorTool="Paint &amp; Co" '
    f'Iptc4xmpExt:DigitalSourceType="{SOURCE_TYPE}"/></rdf:RDF></x:xmpmeta>'
).encode()
JUMBF = b"\0\0\0\x26jumb\0\0\0\x1ejumdc2pa\x00\x11\x00\x10\x80\x00\x00\xaa\x00\x38\x9b\x71\x03c2pa\0"
C2PA_UUID = bytes.fromhex("d8fec3d61b0e483c92975828877ec481")
IMAGE = Image.new("RGB", (16, 16), "gray")


def exif() -> Image.Exif:
    tags = Image.Exif()
    tags[0x0131], tags[0x010F], tags[0x0110] = "Editor 1.0", "Maker", "Model X"
    tags.get_ifd(0x8769)[0x9286] = b"UNICODE\0" + "a cat, steps: 20".encode("utf-16-be")
    return tags


def chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def png_with(path: Path, *chunks: bytes) -> Path:
    IMAGE.save(path, format="PNG")
    data = path.read_bytes()
    path.write_bytes(data[:33] + b"".join(chunks) + data[33:])
    return path


@pytest.mark.parametrize("suffix", ["jpg", "webp", "avif", "png"])
def test_exif_and_xmp(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"a.{suffix}"
    options: dict = {"xmp": XMP}
    if suffix == "png":
        options = {"pnginfo": PngImagePlugin.PngInfo()}
        options["pnginfo"].add_itxt("XML:com.adobe.xmp", XMP.decode())
    IMAGE.save(path, exif=exif(), **options)
    assert read_provenance(path) == {
        "exif_software": "Editor 1.0",
        "exif_make": "Maker",
        "exif_model": "Model X",
        "exif_user_comment": "a cat, steps: 20",
        "xmp_digital_source_type": SOURCE_TYPE,
        "xmp_creator_tool": "Paint & Co",
    }


def test_tiff(tmp_path: Path) -> None:
    tags = TiffImagePlugin.ImageFileDirectory_v2()
    tags[305], tags[271], tags[700], tags[0xCD41] = "Editor 1.0", "Maker", XMP, b"store"
    tags.tagtype[0xCD41] = 7
    IMAGE.save(tmp_path / "a.tif", tiffinfo=tags)
    found = read_provenance(tmp_path / "a.tif")
    assert (found["exif_software"], found["exif_make"]) == ("Editor 1.0", "Maker")
    assert found["xmp_digital_source_type"] == SOURCE_TYPE
    assert found["c2pa_manifest"] == "present, not validated"


@pytest.mark.parametrize(
    "packet",
    [
        f"<a:DigitalSourceType>{SOURCE_TYPE}</a:DigitalSourceType>",
        f"<a:DigitalSourceType>\n  {SOURCE_TYPE}\n</a:DigitalSourceType>",
        f'<a:DigitalSourceType rdf:resource="{SOURCE_TYPE}"/>',
        f"<rdf:Description a:DigitalSourceType='{SOURCE_TYPE}'>",
    ],
)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16-le", "utf-16-be"])
def test_spellings_of_xmp(tmp_path: Path, packet: str, encoding: str) -> None:
    IMAGE.save(tmp_path / "a.webp", xmp=f"<x:xmpmeta>{packet}</x:xmpmeta>".encode(encoding))
    assert read_provenance(tmp_path / "a.webp") == {"xmp_digital_source_type": SOURCE_TYPE}


def test_xmp_entities_are_not_expanded(tmp_path: Path) -> None:
    bomb = '<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;"><!ENTITY f SYSTEM "file:///etc/passwd">]>'
    IMAGE.save(tmp_path / "a.webp", xmp=f'{bomb}<d xmp:CreatorTool="&b;&f;"/>'.encode())
    assert read_provenance(tmp_path / "a.webp") == {"xmp_creator_tool": "&b;&f;"}


def test_c2pa_in_jpeg(tmp_path: Path) -> None:
    IMAGE.save(tmp_path / "a.jpg")
    data = (tmp_path / "a.jpg").read_bytes()

    def app11(box: bytes) -> bytes:
        body = b"JP\0\1\0\0\0\1" + box
        return b"\xff\xeb" + struct.pack(">H", len(body) + 2) + body

    (tmp_path / "a.jpg").write_bytes(data[:2] + app11(JUMBF) + data[2:])
    assert read_provenance(tmp_path / "a.jpg") == {"c2pa_manifest": "present, not validated"}
    (tmp_path / "other.jpg").write_bytes(data[:2] + app11(JUMBF.replace(b"c2pa", b"json")) + data[2:])
    assert read_provenance(tmp_path / "other.jpg") == {}


def test_c2pa_in_png_webp_and_avif(tmp_path: Path) -> None:
    png_with(tmp_path / "a.png", chunk(b"caBX", JUMBF))
    IMAGE.save(tmp_path / "a.webp", exif=exif())
    with (tmp_path / "a.webp").open("ab") as file:
        file.write(b"C2PA" + struct.pack("<I", len(JUMBF)) + JUMBF)
    IMAGE.save(tmp_path / "a.avif")
    data = (tmp_path / "a.avif").read_bytes()
    box = b"uuid" + C2PA_UUID + bytes(20)
    (tmp_path / "a.avif").write_bytes(data + struct.pack(">I", 4 + len(box)) + box)
    for name in ("a.png", "a.webp", "a.avif"):
        assert read_provenance(tmp_path / name)["c2pa_manifest"] == "present, not validated", name


def test_texts_of_generators(tmp_path: Path) -> None:
    info = PngImagePlugin.PngInfo()
    info.add_text("parameters", "a cat\nSteps: 20", zip=True)
    info.add_itxt("workflow", '{"é": 1}', zip=True)
    info.add_text("Software", "NovelAI")
    info.add_text("Author", "not a generator's keyword")
    IMAGE.save(tmp_path / "a.png", pnginfo=info)
    assert read_provenance(tmp_path / "a.png") == {
        "png_text": 'parameters: a cat Steps: 20; workflow: {"é": 1}; Software: NovelAI'
    }


def test_values_are_short_lines_without_control_characters(tmp_path: Path) -> None:
    info = PngImagePlugin.PngInfo()
    info.add_text("prompt", "\x1b[31mred\x07\r\n" + "long " * 20_000)
    IMAGE.save(tmp_path / "a.png", pnginfo=info)
    value = read_provenance(tmp_path / "a.png")["png_text"]
    assert value.startswith("prompt: [31mred long") and value.endswith("…")
    assert len(value) == 200 and value.isprintable()


def test_decompression_bombs_are_not_inflated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = []

    def inflate(data: bytes, limit: int) -> bytes:
        made.append(zlib.decompressobj().decompress(data, limit))
        return made[-1]

    monkeypatch.setattr("vision.provenance.png._inflate", inflate)
    bomb = zlib.compress(bytes(1 << 26), 9)
    keywords = [b"prompt", b"XML:com.adobe.xmp"]
    path = png_with(tmp_path / "a.png", *(chunk(b"zTXt", word + b"\0\0" + bomb) for word in keywords * 200))
    assert read_provenance(path) == {}
    assert sum(map(len, made)) == (1 << 16) + (1 << 20)  # one text and one XMP packet, cut off, of 400


def test_nothing_to_find(tmp_path: Path) -> None:
    IMAGE.save(tmp_path / "plain.png")
    (tmp_path / "empty").touch()
    (tmp_path / "text").write_text("no image")
    for path in (tmp_path / "plain.png", tmp_path / "empty", tmp_path / "text", tmp_path / "missing", tmp_path):
        assert read_provenance(path) == {}


@pytest.mark.parametrize("suffix", ["jpg", "png", "webp", "avif", "tif", "jp2"])
def test_malformed_files_never_raise(tmp_path: Path, suffix: str) -> None:
    whole = tmp_path / f"whole.{suffix}"
    IMAGE.save(whole, **({"exif": exif()} if suffix != "jp2" else {}))
    data = np.frombuffer(whole.read_bytes(), np.uint8)
    rng = np.random.default_rng(0)
    for _ in range(300):
        damaged = data.copy()
        places = rng.integers(0, min(len(data), 600), rng.integers(1, 9))
        damaged[places] = rng.choice([0, 1, 127, 255], len(places))
        (tmp_path / "a").write_bytes(damaged[: rng.integers(1, len(data) + 1)].tobytes())
        found = read_provenance(tmp_path / "a")
        assert list(found) == [name for name in PROVENANCE_FIELDS if name in found]
        assert all(isinstance(value, str) and 0 < len(value) <= 200 for value in found.values())


def test_boxes_that_claim_too_much(tmp_path: Path) -> None:
    ftyp = b"\0\0\0\x10ftypavif\0\0\0\0"
    endless = struct.pack(">I4sQ", 1, b"free", 2**63 + 5)
    extents = b"iloc\0\0\0\0\x00\x00\xff\xff" + (b"\0\1\0\0" + b"\xff\xff") * 1000  # 65535 extents of no bytes each
    iloc = struct.pack(">I", len(extents) + 4) + extents
    meta = b"meta\0\0\0\0" + b"\0\0\0\x0eiinf\0\0\0\0\0\0" + iloc
    for body in (endless, struct.pack(">I", len(meta) + 4) + meta):
        (tmp_path / "a.avif").write_bytes(ftyp + body)
        assert read_provenance(tmp_path / "a.avif") == {}
