"""Documents put together from parts that were encoded once."""

from typing import Any
from uuid import UUID

import bson
from hypothesis import given
from hypothesis import strategies as st

from daemon.store.encoding import (
    RAW_OPTIONS,
    assembled,
    bytes_field,
    document_field,
    encode,
    fields_of,
    text_field,
    uuid_field,
)

documents = st.dictionaries(
    st.sampled_from(["a", "b", "c"]), st.none() | st.text(max_size=3) | st.integers(-9, 9)
)


def decoded(raw: bytes) -> dict[str, Any]:
    return bson.decode(raw, codec_options=RAW_OPTIONS)


@given(identity=st.uuids(), own=documents, inner=documents, text=st.text(), raw=st.binary())
def test_an_assembled_document_is_the_one_that_was_meant(
    identity: UUID, own: dict[str, Any], inner: dict[str, Any], text: str, raw: bytes
) -> None:
    whole = assembled(
        uuid_field("_id", identity.bytes),
        fields_of(own),
        text_field("text", text),
        bytes_field("raw", raw),
        document_field("inner", encode(inner)),
        fields_of(encode({"last": 1})),
    )

    meant = {"_id": identity, **own, "text": text, "raw": raw, "inner": inner, "last": 1}
    assert whole == encode(meant)
    assert list(decoded(whole).items()) == list(meant.items())
