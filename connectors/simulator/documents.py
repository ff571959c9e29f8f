"""Bytes of the files that simulated people have: small real PDFs and DOCX, the same for the same name."""

import io
import zipfile
from hashlib import sha256

PDF = "application/pdf"
DOCX = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
_EPOCH = (2026, 1, 1, 0, 0, 0)
_CONTENT_TYPES = (
    '<?xml version="1.0" encoding="UTF-8" standalone="yes"?><Types '
    'xmlns="http://schemas.openxmlformats.org/package/2006/content-types"><Default '
    f'Extension="xml" ContentType="application/xml"/><Override PartName="/word/document.xml" '
    f'ContentType="{DOCX}.main+xml"/></Types>'
)


def document(name: str) -> tuple[bytes, str]:
    """Returns the content and the media type of a file by its name; files of one name are equal."""
    text = f"Simulated file {name} {sha256(name.encode()).hexdigest()}"
    return (_docx(text), DOCX) if name.endswith(".docx") else (_pdf(text), PDF)


def _pdf(text: str) -> bytes:
    stream = f"BT /F1 12 Tf 20 100 Td ({text}) Tj ET".encode("ascii", "replace")
    objects = (
        b"<</Type/Catalog/Pages 2 0 R>>",
        b"<</Type/Pages/Kids[3 0 R]/Count 1>>",
        b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 600 144]/Contents 4 0 R>>",
        b"<</Length %d>>stream\n%s\nendstream" % (len(stream), stream),
    )
    body, offsets = b"%PDF-1.4\n", []
    for number, each in enumerate(objects, start=1):
        offsets.append(len(body))
        body += b"%d 0 obj%s\nendobj\n" % (number, each)
    table = b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
    trailer = b"trailer<</Size 5/Root 1 0 R>>\nstartxref\n%d\n%%%%EOF\n" % len(body)
    return body + b"xref\n0 5\n0000000000 65535 f \n" + table + trailer


def _docx(text: str) -> bytes:
    namespace = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
    body = f'<w:document xmlns:w="{namespace}"><w:body><w:p><w:r><w:t>{text}</w:t></w:r></w:p></w:body></w:document>'
    found = io.BytesIO()
    with zipfile.ZipFile(found, "w") as archive:
        for name, part in (("[Content_Types].xml", _CONTENT_TYPES), ("word/document.xml", body)):
            archive.writestr(zipfile.ZipInfo(name, _EPOCH), part)
    return found.getvalue()
