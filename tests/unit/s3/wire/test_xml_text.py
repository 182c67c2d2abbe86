"""What no parser reads is made so that one does, and nothing else is touched."""

from xml.etree import ElementTree as ET

from hypothesis import given
from hypothesis import strategies as st

from s3sync.s3.wire.xml_text import as_read, legible

ILLEGAL = [chr(n) for n in (*range(1, 9), 0xB, 0xC, *range(0xE, 0x20), 0xFFFE, 0xFFFF)]
PIECES = st.one_of(st.sampled_from(ILLEGAL), st.sampled_from(["&amp;", "&#13;", "&#x1F600;", "a", "é", "\ufffd"]))


def test_each_character_that_xml_can_not_hold_is_replaced() -> None:
    for each in ILLEGAL:
        for written in (each, f"&#{ord(each)};", f"&#x{ord(each):X};"):
            (text,) = ET.fromstring(legible(f"<a>x{written}y</a>".encode())).itertext()
            assert text == "x\ufffdy" == as_read(f"x{each}y")


@given(st.lists(PIECES).map("".join))
def test_what_is_made_legible_is_parsed(text: str) -> None:
    ET.fromstring(legible(f"<a>{text}</a>".encode()))


@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters=[*ILLEGAL, "\0"])))
def test_other_texts_stay_as_they_are(text: str) -> None:
    assert as_read(text) == text
