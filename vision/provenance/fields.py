"""All that is read of a file's origin, in one table: the reader, the labels of the command and the docs follow it."""

from __future__ import annotations

from typing import NamedTuple

NAMESPACES = {
    "rdf": "http://www.w3.org/1999/02/22-rdf-syntax-ns#",
    "x": "adobe:ns:meta/",
    "dc": "http://purl.org/dc/elements/1.1/",
    "dcterms": "http://purl.org/dc/terms/",
    "exif": "http://ns.adobe.com/exif/1.0/",
    "Iptc4xmpExt": "http://iptc.org/std/Iptc4xmpExt/2008-02-29/",
    "photoshop": "http://ns.adobe.com/photoshop/1.0/",
    "TC260": "http://www.tc260.org.cn/ns/AIGC/1.0/",
    "tiff": "http://ns.adobe.com/tiff/1.0/",
    "xmp": "http://ns.adobe.com/xap/1.0/",
    "xmpMM": "http://ns.adobe.com/xap/1.0/mm/",
    "xmpNote": "http://ns.adobe.com/xmp/note/",
}


class Field(NamedTuple):
    """One field of `read_provenance`.

    Attributes:
        name: key of the result.
        label: short name for people.
        meaning: what it says.
        tags: TIFF tags, of which EXIF consists.
        properties: of XMP, with the usual prefixes of `NAMESPACES`.
        datasets: of IPTC-IIM, record and number.
        place: where else it stands, in words.
    """

    name: str
    label: str
    meaning: str
    tags: tuple[int, ...] = ()
    properties: tuple[str, ...] = ()
    datasets: tuple[tuple[int, int], ...] = ()
    place: str = ""

    def where(self) -> str:
        """Where the field is read, for the docs."""
        exif = [f"EXIF 0x{tag:04X}" for tag in self.tags]
        iptc = [f"IPTC {record}:{number:02d}" for record, number in self.datasets]
        return ", ".join([*exif, *(f"XMP {name}" for name in self.properties), *iptc, *filter(None, [self.place])])


SOURCE_TYPE = "xmp_digital_source_type"
COMMENT = "exif_user_comment"
MANIFEST = "c2pa_manifest"
PNG_TEXT = "png_text"
NOTES = "provenance_notes"

FIELDS: tuple[Field, ...] = (
    Field("exif_software", "software", "program that wrote the file", tags=(0x0131, 0x000B)),
    Field("exif_make", "make", "maker of the camera", tags=(0x010F,)),
    Field("exif_model", "model", "model of the camera", tags=(0x0110,)),
    Field(COMMENT, "comment", "a comment; generators write their settings", tags=(0x9286,)),
    Field(
        SOURCE_TYPE,
        "source type",
        "IPTC's term for how the image was made: camera, composite, trained algorithm",
        properties=("Iptc4xmpExt:DigitalSourceType", "Iptc4xmpExt:DigitalSourceFileType"),
    ),
    Field("xmp_creator_tool", "creator tool", "program that made the image", properties=("xmp:CreatorTool",)),
    Field(MANIFEST, "C2PA manifest", "a C2PA manifest store is there, and the state of its signature", place="C2PA"),
    Field(PNG_TEXT, "text", "texts with keywords; those of known generators first", place="PNG tEXt, zTXt, iTXt"),
    Field("exif_description", "description", "a description, prompt or workflow", tags=(0x010E, 0xA436)),
    Field("exif_artist", "artist", "who made the image; some services", tags=(0x013B, 0xA437)),
    Field("exif_copyright", "copyright", "whose it is", tags=(0x8298,)),
    Field("exif_host_computer", "host computer", "computer that wrote the file", tags=(0x013C,)),
    Field("exif_document_name", "document name", "name of the document", tags=(0x010D,)),
    Field("exif_editor", "editor", "programs that developed or edited", tags=(0xA438, 0xA43A, 0xA43B, 0xA43C)),
    Field("exif_xp_title", "title", "title that Windows shows", tags=(0x9C9B,)),
    Field("exif_xp_comment", "XP comment", "comment that Windows shows", tags=(0x9C9C,)),
    Field("exif_xp_author", "XP author", "author that Windows shows", tags=(0x9C9D,)),
    Field("exif_xp_keywords", "XP keywords", "keywords that Windows shows", tags=(0x9C9E,)),
    Field("exif_xp_subject", "XP subject", "subject that Windows shows", tags=(0x9C9F,)),
    Field("xmp_credit", "credit", "credit line; some services name themselves", properties=("photoshop:Credit",)),
    Field("xmp_source", "source", "where the image comes from", properties=("photoshop:Source", "dc:source")),
    Field("xmp_instructions", "instructions", "special instructions", properties=("photoshop:Instructions",)),
    Field("xmp_title", "XMP title", "title", properties=("dc:title", "photoshop:Headline")),
    Field("xmp_description", "XMP description", "caption or prompt", properties=("dc:description",)),
    Field("xmp_creator", "creator", "who or what made the image", properties=("dc:creator", "tiff:Artist")),
    Field("xmp_rights", "rights", "whose it is", properties=("dc:rights",)),
    Field("xmp_software", "XMP software", "program that wrote the file", properties=("tiff:Software",)),
    Field("xmp_camera", "XMP camera", "maker and model of the camera", properties=("tiff:Make", "tiff:Model")),
    Field("xmp_user_comment", "XMP comment", "comment or settings", properties=("exif:UserComment",)),
    Field(
        "xmp_ai_system",
        "AI system",
        "generator and its version",
        properties=("Iptc4xmpExt:AISystemUsed", "Iptc4xmpExt:AISystemVersionUsed"),
    ),
    Field(
        "xmp_ai_prompt",
        "AI prompt",
        "prompt and who wrote it",
        properties=("Iptc4xmpExt:AIPromptInformation", "Iptc4xmpExt:AIPromptWriterName"),
    ),
    Field("xmp_aigc", "AIGC label", "label of the Chinese standard GB 45438", properties=("TC260:AIGC",)),
    Field(
        "c2pa_remote_manifest",
        "C2PA link",
        "address of a manifest that is kept elsewhere; it is not fetched",
        properties=("dcterms:provenance",),
    ),
    Field("iptc_credit", "IPTC credit", "credit line", datasets=((2, 110),)),
    Field("iptc_byline", "by-line", "who or what made the image", datasets=((2, 80), (2, 85))),
    Field("iptc_source", "IPTC source", "where the image comes from", datasets=((2, 115),)),
    Field("iptc_instructions", "IPTC instructions", "special instructions", datasets=((2, 40),)),
    Field("iptc_program", "program", "program that wrote the file, its version", datasets=((2, 65), (2, 70))),
    Field("iptc_title", "IPTC title", "title and headline", datasets=((2, 5), (2, 105))),
    Field("iptc_caption", "IPTC caption", "caption or prompt", datasets=((2, 120),)),
    Field("iptc_keywords", "IPTC keywords", "keywords", datasets=((2, 25),)),
    Field("iptc_copyright", "IPTC copyright", "whose it is", datasets=((2, 116),)),
    Field("jpeg_comment", "JPEG comment", "a comment", place="JPEG COM segments"),
    Field("gif_comment", "GIF comment", "a comment", place="GIF comment extensions"),
    Field(
        "stealth_text",
        "hidden text",
        "settings that NovelAI and web UIs hide in the pixels",
        place="lowest bits of alpha or color in PNG and lossless WebP",
    ),
    Field(NOTES, "notes", "what contradicts itself, is damaged or beyond a bound", place="the reading itself"),
)

PROVENANCE_FIELDS: tuple[str, ...] = tuple(field.name for field in FIELDS)
TAGS = {tag: field.name for field in FIELDS for tag in field.tags}
PROPERTIES = {name: field.name for field in FIELDS for name in field.properties}
DATASETS = {dataset: field.name for field in FIELDS for dataset in field.datasets}
