"""Reads one untrusted file in a process of its own: `python -I child.py photo JPEG|document pdf|office`.

`redact [[x, y, width, height], …]` blacks out parts of a photo that was made here.

The file comes on stdin; on stdout goes one line of JSON and after it the forms that the line names.
The limits are set before the first octet is read, and nothing of ours is imported: a decoder's fault ends
this process. For the same reason all of it stands in this one file.
"""

import json
import re
import resource
import struct
import sys
import zipfile
import zlib
from collections.abc import Callable
from contextlib import suppress
from io import BytesIO
from typing import Any
from xml.parsers import expat

MOST_PIXELS = 50_000_000
"""Cameras of 48 and 50 million pixels stay below (8064 x 6048, 8160 x 6120)."""
LONGEST_EDGE = 32_000
SIZES = {"full": 4096, "large": 1280, "thumb": 320}
QUALITY = 85
MEMORY = 1_280 * 1024 * 1024
CPU_SECONDS = 15
MOST_PARTS = 5_000
MOST_UNPACKED = 200 * 1024 * 1024
MOST_OBJECTS = 200_000
_EXECUTABLE = (b"MZ", b"\x7fELF", b"\xcf\xfa\xed\xfe", b"\xd0\xcf\x11\xe0", b"#!")
_PDF_KEYS = frozenset(
    {"/JS", "/JavaScript", "/EmbeddedFiles", "/EF", "/RichMediaContent", "/XFA", "/Collection"}
)
_PDF_ACTIONS = frozenset(
    {"/JavaScript", "/Launch", "/ImportData", "/RichMediaExecute", "/GoToE", "/GoToR", "/SubmitForm"}
)
"""Refused even when they wait for a click; an address to be clicked (/URI) may stay."""
_PDF_ELSEWHERE = frozenset({"/F", "/Ref", "/OPI"})
"""Of a stream: its octets, or what is shown in its place, lie in another file (ISO 32000-1, 7.3.8.2, 8.10.4,
14.11.7)."""
MOST_ACTIONS = 1_000
_OFFICE = "application/vnd.openxmlformats-officedocument."
_MAIN_PARTS = {
    "word/document.xml": ("docx", f"{_OFFICE}wordprocessingml.document.main+xml"),
    "xl/workbook.xml": ("xlsx", f"{_OFFICE}spreadsheetml.sheet.main+xml"),
}
_ACTIVE_TYPES = (
    *("macroenabled", "vbaproject", "vbadata", "activex", "oleobject"),
    *("externallink", "connections", "querytable", "mailmerge"),
)
_ACTIVE_RELATIONS = frozenset(
    {
        "vbaproject",
        "wordvbadata",
        "oleobject",
        "package",
        "control",
        "xlmacrosheet",
        "xlintlmacrosheet",
        "afchunk",
        "externallink",
        "externallinkpath",
        "connections",
        "querytable",
        "mailmergesource",
        "mailmergeheadersource",
        "recipientdata",
    }
)
_ACTIVE_ELEMENTS = frozenset({"ddelink", "olelink", "mailmerge", "webpr", "dbpr"})
_ACTIVE_FIELDS = ("DDE", "INCLUDE", "LINK", "IMPORT", "DATABASE")
"""How instructions of fields begin that run a program or fetch a file (ISO/IEC 29500-1, 17.16.5)."""
_FIELD_BEGINNINGS = frozenset(word[:size] for word in _ACTIVE_FIELDS for size in range(1, len(word)))
_FORMULAS = frozenset({"f", "formula", "formula1", "formula2", "definedname"})
_ACTIVE_FUNCTIONS = re.compile(r"\b(?:WEBSERVICE|IMAGE|RTD|DDE)\s*\(", re.IGNORECASE)
_QUOTED = re.compile(r"""\"[^"]*"|'[^']*'|\[[^\]]*]""")
_MARKUP = re.compile(rb"[\x00\s\xef\xbb\xbf\xfe\xff]*<")
_ADDRESS = re.compile(r"[a-z][a-z0-9+.-]*:|//|\\\\", re.IGNORECASE)
_END = struct.Struct("<4s4H2LH")
_BEGIN = struct.Struct("<4s5H3L2H")


class Refused(Exception):
    """Why the file is not taken; the parent knows the word."""


class Broken(Refused):
    """What should be XML is not."""


def main() -> None:
    """Read, check, write."""
    _limit()
    kind, form = sys.argv[1:]
    octets = sys.stdin.buffer.read()
    try:
        answer, forms = _WORK[kind](octets, form)
    except Refused as refusal:
        answer, forms = {"refused": str(refusal)}, {}
    except MemoryError:
        answer, forms = {"refused": "too_complex"}, {}
    except Exception as error:  # decoders raise whatever they like; the file is what is wrong
        answer, forms = {"refused": "unreadable", "why": type(error).__name__}, {}
    answer["forms"] = {name: len(form) for name, form in forms.items()}
    sys.stdout.buffer.write(json.dumps(answer).encode() + b"\n" + b"".join(forms.values()))


def _limit() -> None:
    for what, most in (
        (resource.RLIMIT_AS, MEMORY),
        (resource.RLIMIT_CPU, CPU_SECONDS),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_NOFILE, 64),
    ):
        resource.setrlimit(what, (most, most))


def _photo(octets: bytes, form: str) -> tuple[dict[str, Any], dict[str, bytes]]:
    from PIL import Image, ImageOps  # noqa: PLC0415 - only once the limits hold

    if form == "HEIF":
        import pi_heif  # noqa: PLC0415 - as above

        pi_heif.options.DECODE_THREADS = 1
        pi_heif.register_heif_opener(thumbnails=False)
    Image.MAX_IMAGE_PIXELS = MOST_PIXELS
    formats = [form, "MPO"] if form == "JPEG" else [form]
    try:
        opened = Image.open(BytesIO(octets), formats=formats)  # only the header is read here
    except Image.DecompressionBombError as error:
        raise Refused("too_many_pixels") from error
    with opened as image:
        width, height = image.size
        if width * height > MOST_PIXELS or max(width, height) > LONGEST_EDGE:
            raise Refused("too_many_pixels")
        edge = SIZES["full"]
        image.draft("RGB", (edge, edge))
        image.load()
        shown: Image.Image = image
        if shown.mode == "P":
            shown = shown.convert("RGBA")
        elif shown.mode.startswith("I;16"):
            shown = shown.point(lambda value: value / 256).convert("L")
        shown.thumbnail((edge, edge), Image.Resampling.LANCZOS, reducing_gap=2.0)
        shown = _plain(ImageOps.exif_transpose(shown), image.info.get("icc_profile"))
    return _forms(shown)


def _redacted(octets: bytes, areas: str) -> tuple[dict[str, Any], dict[str, bytes]]:
    """The photo with the areas black: in the pixels themselves, before any form of it is written."""
    from PIL import Image, ImageDraw  # noqa: PLC0415 - only once the limits hold

    with Image.open(BytesIO(octets), formats=["JPEG"]) as image:
        shown = image.convert("RGB")
    draw = ImageDraw.Draw(shown)
    for x, y, width, height in json.loads(areas):
        draw.rectangle((x, y, x + width - 1, y + height - 1), fill="black")
    return _forms(shown)


def _forms(shown: Any) -> tuple[dict[str, Any], dict[str, bytes]]:
    """What is kept of a picture; it is made smaller in place."""
    from PIL import Image  # noqa: PLC0415 - as above

    forms = {}
    answer: dict[str, Any] = {"width": shown.width, "height": shown.height}
    for name, edge in SIZES.items():
        shown.thumbnail((edge, edge), Image.Resampling.LANCZOS, reducing_gap=2.0)
        written = BytesIO()
        shown.save(written, "JPEG", quality=QUALITY, optimize=True, progressive=name != "thumb")
        forms[name] = written.getvalue()
    return answer, forms


def _plain(image: Any, profile: bytes | None) -> Any:
    """The pixels alone, in sRGB, on white: a new picture, so that none of the old notes comes along."""
    from PIL import Image, ImageCms  # noqa: PLC0415 - as above

    alpha = image.convert("RGBA").getchannel("A") if image.mode in {"RGBA", "LA", "PA"} else None
    colours = image.convert("RGB") if image.mode not in {"RGB", "CMYK"} else image
    if profile:
        try:
            source = ImageCms.ImageCmsProfile(BytesIO(profile))
            converted = ImageCms.profileToProfile(
                colours, source, ImageCms.createProfile("sRGB"), outputMode="RGB"
            )
            colours = converted or colours
        except (ImageCms.PyCMSError, OSError, ValueError):
            pass  # a profile that nobody understands is dropped like all the rest
    canvas = Image.new("RGB", image.size, "white")
    canvas.paste(colours.convert("RGB"), mask=alpha)
    return canvas


def _document(octets: bytes, form: str) -> tuple[dict[str, Any], dict[str, bytes]]:
    if form == "pdf":
        _check_pdf(octets)
        return {"content": "pdf"}, {}
    return {"content": _check_office(octets)}, {}


def _check_pdf(octets: bytes) -> None:
    import pikepdf  # noqa: PLC0415 - only once the limits hold

    if b"%%EOF" not in octets[-1024:]:
        raise Refused("unreadable")
    try:
        pdf = pikepdf.open(BytesIO(octets))
    except pikepdf.PasswordError as error:
        raise Refused("encrypted") from error
    with pdf:
        if pdf.is_encrypted:
            raise Refused("encrypted")
        if len(pdf.objects) > MOST_OBJECTS:
            raise Refused("too_complex")
        if not len(pdf.pages):
            raise Refused("unreadable")
        # What lies directly in the trailer is no object of its own.
        for entry in (pdf.trailer, *pdf.objects):
            _check_entry(entry, pikepdf)
        if not pdf.trailer.Root.is_indirect:
            raise Refused("unreadable")


def _check_entry(entry: Any, pikepdf: Any) -> None:
    """One object and what lies directly in it; what it points to comes by itself."""
    waiting = [entry]
    while waiting:
        seen = waiting.pop()
        if isinstance(seen, pikepdf.Stream):
            seen = seen.stream_dict
            if _PDF_ELSEWHERE & set(seen.keys()):
                raise Refused("active_content")
        if isinstance(seen, pikepdf.Dictionary):
            if _PDF_KEYS & set(seen.keys()):
                raise Refused("active_content")
            if any(_runs(began, pikepdf) for began in _beginnings(seen, pikepdf)):
                raise Refused("active_content")
            if str(seen.get("/S", "")) in _PDF_ACTIONS or str(seen.get("/Subtype", "")) in {
                "/FileAttachment",
                "/RichMedia",
            }:
                raise Refused("active_content")
            waiting.extend(value for value in seen.as_dict().values() if _direct(value, pikepdf))
        elif isinstance(seen, pikepdf.Array):
            waiting.extend(value for value in seen.as_list() if _direct(value, pikepdf))


def _beginnings(entry: Any, pikepdf: Any) -> list[Any]:
    """What is done without a click: when the document is opened, a page is shown, a field is entered."""
    triggers = entry.get("/AA")
    found = list(triggers.as_dict().values()) if isinstance(triggers, pikepdf.Dictionary) else []
    return [value for value in (entry.get("/OpenAction"), *found) if isinstance(value, pikepdf.Dictionary)]


def _runs(action: Any, pikepdf: Any) -> bool:
    """Whether it does more than go to a place in this document."""
    waiting = [action]
    for _ in range(MOST_ACTIONS):
        if not waiting:
            return False
        seen = waiting.pop()
        if isinstance(seen, pikepdf.Array):
            waiting.extend(seen.as_list())
        elif isinstance(seen, pikepdf.Dictionary) and "/S" in seen:
            if str(seen.S) != "/GoTo":
                return True
            waiting.append(seen.get("/Next"))
    raise Refused("too_complex")


def _direct(value: Any, pikepdf: Any) -> bool:
    return isinstance(value, pikepdf.Dictionary | pikepdf.Array) and not value.is_indirect


def _check_office(octets: bytes) -> str:
    with zipfile.ZipFile(BytesIO(octets)) as archive:
        parts = archive.infolist()
        _check_archive(archive, parts)
        _check_places(octets, parts)
        names = {part.filename for part in parts}
        if len(names) != len(parts):
            raise Refused("unreadable")
        main = [name for name in _MAIN_PARTS if name in names]
        if len(main) != 1 or "[Content_Types].xml" not in names:
            raise Refused("unsupported_type")
        form, declared = _MAIN_PARTS[main[0]]
        declarations = [entry for _, entry in _elements(archive.read("[Content_Types].xml"))]
        types = [entry.get("contenttype", "") for entry in declarations]
        if any(active in kind.casefold() for kind in types for active in _ACTIVE_TYPES):
            raise Refused("active_content")
        if declared not in types:
            raise Refused("unsupported_type")
        written = _written_in_xml(declarations)
        for part in parts:
            _check_part(archive, part, written)
    return form


def _written_in_xml(declarations: list[dict[str, str]]) -> frozenset[str]:
    """The names of parts, and the endings of names with their dot, that are declared to be XML."""
    found = {".xml", ".rels"}
    for entry in declarations:
        if entry.get("contenttype", "").partition(";")[0].strip().casefold().endswith("xml"):
            found.add(entry.get("partname", "").lstrip("/").casefold())
            found.add("." + entry.get("extension", "").casefold())
    return frozenset(found)


def _check_archive(archive: zipfile.ZipFile, parts: list[zipfile.ZipInfo]) -> None:
    """What is listed at the end can be read and is not too much."""
    if archive.comment or any(part.comment for part in parts):
        raise Refused("unreadable")
    if any(part.flag_bits & 0x1 for part in parts):
        raise Refused("encrypted")
    if len(parts) > MOST_PARTS or sum(part.file_size for part in parts) > MOST_UNPACKED:
        raise Refused("too_complex")
    if any(part.compress_type not in {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED} for part in parts):
        raise Refused("unreadable")


def _check_places(octets: bytes, parts: list[zipfile.ZipInfo]) -> None:
    """Nothing before, behind, between or within parts that another program would read as something else.

    The parts begin at the first octet and follow each other without a gap, the list of them follows the last,
    the end record follows the list and has the last 22 octets; packed octets are unpacked to their end.
    """
    mark, *_, size, begins, remark = _END.unpack(octets[-_END.size :])
    if mark != b"PK\x05\x06" or remark or begins + size != len(octets) - _END.size:
        raise Refused("unreadable")
    place = 0
    for part in sorted(parts, key=lambda one: one.header_offset):
        if part.header_offset != place:
            raise Refused("unreadable")
        place = _end_of(octets, part)
    if place != begins:
        raise Refused("unreadable")


def _end_of(octets: bytes, part: zipfile.ZipInfo) -> int:
    """Where a part ends that says the same of itself at its beginning as in the list."""
    mark, _, flags, method, *_, crc, packed, size, name, extra = _BEGIN.unpack_from(
        octets, part.header_offset
    )
    listed = (part.CRC, part.compress_size, part.file_size)
    behind = bool(flags & 0x8)
    same = (crc, packed, size) == listed or (behind and crc in {0, part.CRC} and packed in {0, 0xFFFFFFFF})
    if mark != b"PK\x03\x04" or flags & 0x1 or method != part.compress_type or not same:
        raise Refused("unreadable")
    begins: int = part.header_offset + _BEGIN.size + name + extra
    end = begins + part.compress_size
    if method == zipfile.ZIP_DEFLATED:
        _check_packed(octets[begins:end], part.file_size)
    if not behind:
        return end
    for sums in (struct.pack("<LLL", *listed), struct.pack("<LQQ", *listed)):
        for written in (b"PK\x07\x08" + sums, sums):
            if octets.startswith(written, end):
                return end + len(written)
    raise Refused("unreadable")


def _check_packed(packed: bytes, size: int) -> None:
    unpacker = zlib.decompressobj(wbits=-zlib.MAX_WBITS)
    # One octet more than is said: a part that is longer does not end.
    unpacker.decompress(packed, size + 1)
    if not unpacker.eof or unpacker.unused_data:
        raise Refused("unreadable")


def _check_part(archive: zipfile.ZipFile, part: zipfile.ZipInfo, written: frozenset[str]) -> None:
    name = part.filename.lower()
    if name.startswith("/") or "\\" in name or ".." in name.split("/"):
        raise Refused("unreadable")
    folders = name.split("/")[:-1]
    if "vbaproject" in name or "vbadata" in name or {"embeddings", "activex", "macrosheets"} & set(folders):
        raise Refused("active_content")
    # Read to the end: the sum of what is said to be inside must be true, and the check sum too.
    with archive.open(part) as stream:
        content = stream.read(part.file_size + 1)
    if len(content) != part.file_size:
        raise Refused("unreadable")
    if content.startswith(_EXECUTABLE):
        raise Refused("active_content")
    if name.endswith(".rels") and _reaches_out(content):
        raise Refused("active_content")
    if content and not written.isdisjoint({name, "." + name.rpartition(".")[2]}):
        _Content(content).check()
    elif _MARKUP.match(content):
        # A font may begin like this, and drawings of Excel (VML) have tags that nobody closes.
        with suppress(Broken):
            _Content(content).check()


def _reaches_out(relations: bytes) -> bool:
    """Whether it fetches a template, an object or a frame from elsewhere; links to be clicked may stay."""
    for name, entry in _elements(relations):
        if name not in {"relationships", "relationship"}:
            raise Refused("unreadable")
        kind = entry.get("type", "").strip().rpartition("/")[2]
        if kind.casefold() in _ACTIVE_RELATIONS:
            return True
        within = entry.get("targetmode", "internal").strip().casefold() == "internal"
        if within and not _ADDRESS.match(entry.get("target", "").strip()):
            continue
        if kind != "hyperlink":
            return True
    return False


def _elements(octets: bytes) -> list[tuple[str, dict[str, str]]]:
    """The elements of an XML part by their names without prefixes, with their attributes, in small letters.

    A document type, an entity and another encoding than UTF-8 and UTF-16 (ISO/IEC 29500-2) are refused.
    """
    found: list[tuple[str, dict[str, str]]] = []

    def begin(name: str, attributes: dict[str, str]) -> None:
        named = {_local(key): value for key, value in attributes.items()}
        if len(named) != len(attributes):  # two that differ in prefix or letters: programs take either
            raise Refused("unreadable")
        found.append((_local(name), named))

    _parse(octets, begin)
    return found


def _local(name: str) -> str:
    return name.rpartition(" ")[2].casefold()


def _parse(octets: bytes, begin: Callable[[str, dict[str, str]], None], parser: Any = None) -> None:
    """Tells `begin` of each element. Raises Broken, Refused."""

    def declared(_version: str, encoding: str | None, _standalone: int) -> None:
        if (encoding or "utf-8").casefold() not in {"utf-8", "utf-16"}:
            raise Refused("unreadable")

    def refuse(*_: Any) -> None:
        raise Refused("unreadable")

    parser = parser or _parser()
    parser.StartElementHandler = begin
    parser.XmlDeclHandler = declared
    parser.StartDoctypeDeclHandler = refuse
    parser.EntityDeclHandler = refuse
    try:
        parser.Parse(octets, True)
    except expat.ExpatError as error:
        raise Broken("unreadable") from error


def _parser() -> Any:
    return expat.ParserCreate(namespace_separator=" ")


class _Field:
    """A field of Word, or (without instructions of its own) what lies outside of all."""

    __slots__ = ("begun", "instructs", "said")

    def __init__(self, *, instructs: bool = True) -> None:
        self.instructs = instructs
        self.said = not instructs
        self.begun: set[str] = set()
        """What some of its pieces, put together, could begin an active instruction with."""


class _Content:
    """Looks in a part for what runs or is fetched when it is opened: links of data, fields, formulas.

    The instruction of a field comes in pieces. Which of them count depends on the reader (changes that are
    tracked, alternatives, foreign elements), so no choice of them may begin as an active instruction does.
    """

    def __init__(self, octets: bytes) -> None:
        self._octets = octets
        self._parser = _parser()
        self._parser.buffer_text = True
        self._known: dict[str, Callable[[dict[str, str]], None] | None] = {}
        self._fields = [_Field(instructs=False)]
        self._reads: Callable[[str], None] | None = None
        self._text: list[str] = []

    def check(self) -> None:
        """Raises Refused, Broken."""
        _parse(self._octets, self._begin, self._parser)

    def _begin(self, name: str, attributes: dict[str, str]) -> None:
        if self._reads is not None:  # within a text no schema has an element
            raise Refused("unreadable")
        if name not in self._known:  # most elements mean nothing here, and there may be millions
            self._known[name] = self._meaning(name)
        means = self._known[name]
        if means is not None:
            means(attributes)

    def _meaning(self, name: str) -> Callable[[dict[str, str]], None] | None:
        local = _local(name)
        if local in _ACTIVE_ELEMENTS:
            raise Refused("active_content")
        if local in _FORMULAS and ("spreadsheetml" in name or "/excel/" in name):
            return lambda _: self._read(self._formula)
        if local in {"instrtext", "delinstrtext"}:
            return lambda _: self._read(self._instruction)
        if local == "t":
            return lambda _: self._read(self._instruction) if self._fields[-1].instructs else None
        return {"fldchar": self._mark, "fldsimple": self._simple}.get(local)

    def _read(self, tell: Callable[[str], None]) -> None:
        """Tells the text of the element that has just begun."""
        self._reads = tell
        self._parser.CharacterDataHandler = self._text.append
        self._parser.EndElementHandler = self._end

    def _end(self, _name: str) -> None:
        self._parser.CharacterDataHandler = None
        self._parser.EndElementHandler = None
        tell, self._reads = self._reads, None
        text = "".join(self._text)
        self._text.clear()
        if tell is not None:
            tell(text)

    def _formula(self, text: str) -> None:
        """A bar that is in no quotes and no brackets stands between program and subject (DDE)."""
        if _ACTIVE_FUNCTIONS.search(text) or "|" in _QUOTED.sub("", text):
            raise Refused("active_content")

    def _instruction(self, text: str) -> None:
        piece = "".join(text.split()).upper()
        if not piece:
            return
        field = self._fields[-1]
        field.said = True
        for begun in ("", *field.begun):
            if (begun + piece).startswith(_ACTIVE_FIELDS):
                raise Refused("active_content")
            if begun + piece in _FIELD_BEGINNINGS:
                field.begun.add(begun + piece)

    def _mark(self, attributes: dict[str, str]) -> None:
        """Where a field begins, where its instruction ends and its result begins, where it ends."""
        kinds = {
            value.strip().casefold() for name, value in attributes.items() if _local(name) == "fldchartype"
        }
        if "begin" in kinds:
            self._check_nested()
            self._fields.append(_Field())
        if "separate" in kinds:
            self._fields[-1].instructs = False
        if "end" in kinds:
            if self._fields[-1].begun:
                raise Refused("active_content")
            if len(self._fields) > 1:
                self._fields.pop()

    def _simple(self, attributes: dict[str, str]) -> None:
        self._check_nested()
        for name, value in attributes.items():
            if _local(name) == "instr" and "".join(value.split()).upper().startswith(_ACTIVE_FIELDS):
                raise Refused("active_content")

    def _check_nested(self) -> None:
        """Nobody knows what an instruction is whose first word another field says, or its end."""
        field = self._fields[-1]
        if field.begun or not field.said:
            raise Refused("active_content")


_WORK = {"photo": _photo, "document": _document, "redact": _redacted}

if __name__ == "__main__":
    main()
