"""Tables for notebooks: everything that comes from outside is escaped."""

from __future__ import annotations

from html.parser import HTMLParser

from hypothesis import given
from hypothesis import strategies as st

from interpretune.analysis.cache import AnalysisCache, Outcome, html
from interpretune.analysis.cache.digests.results import Part
from interpretune.analysis.cache.hasher import Fingerprint
from storing import store


class Reader(HTMLParser):
    """Collects the tags and texts of a page, and checks that tags are closed in order."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[str] = []
        self.text = ""

    def handle_starttag(self, tag, attrs):
        self.open.append(tag)
        self.tags.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text += data


def read(text: str) -> Reader:
    reader = Reader()
    reader.feed(text)
    reader.close()
    assert reader.open == []
    return reader


@given(st.text(alphabet="<>&\"'a/ script\n"))
def test_no_text_becomes_a_tag(text):
    page = html.page(
        text,
        html.table([[text, html.bar(0.5, text)]], head=[text, "b"]),
        html.tree({text: "0" * 32}, {text: {text: ("1" * 32, text)}}),
    )
    allowed = {"div", "style", "strong", "table", "tr", "th", "td", "span", "code", "pre", "details", "summary"}
    assert set(read(page).tags) <= allowed


def test_a_fingerprint_opens_to_its_parts():
    fingerprint = Fingerprint({"op": "a" * 32}, {"op": {"op.scale": Part("b" * 32, "0.5")}})
    page = read(fingerprint._repr_html_())
    assert "details" in page.tags
    assert "scale" in page.text
    assert "0.5" in page.text
    assert fingerprint.hexdigest in page.text


def test_parts_come_in_the_order_of_their_numbers():
    parts = {f"data[{number}]": ("0" * 32, f"value {number}") for number in (1, 10, 9, 2)}
    text = read(html.tree({"data": "0" * 32}, {"data": parts})).text
    assert [text.index(f"value {number}") for number in (1, 2, 9, 10)] == sorted(
        text.index(f"value {number}") for number in (1, 2, 9, 10)
    )


def test_sizes_in_decimal_units():
    assert [html.size_text(size) for size in (0, 999, 1000, 640_000_000, 5 * 10**12)] == [
        "0 B",
        "999 B",
        "1.0 kB",
        "640.0 MB",
        "5.0 TB",
    ]


def test_a_cache_its_entries_and_an_outcome_draw_themselves(base):
    cache = AnalysisCache(base)
    assert "0 entries" in read(cache._repr_html_()).text
    entry = store(cache, 3, context={"op": "<b>op</b>", "module": "GPT2", "dataset": None})
    page = read(cache._repr_html_())
    assert "1 entries" in page.text
    assert "<b>op</b>" in page.text
    assert "b" not in page.tags
    assert "bar" in cache._repr_html_()
    assert entry.key in read(entry._repr_html_()).text
    outcome = Outcome("hit", entry.key, entry.path, "it was <there>", rows=3, batches=3, seconds=0.01)
    assert "it was <there>" in read(outcome._repr_html_()).text
