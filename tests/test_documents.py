"""TMX, XLIFF and PO: what is read as pairs, what is filled in, and that all else stays."""

from __future__ import annotations

import builtins
import importlib.util
import io
import random
import re
from typing import Any

import pytest
from any_document import PO, SAMPLES, TMX, XLIFF, XLIFF_2, check, damaged, stub

from seqformer.errors import DataError, MissingExtra
from seqformer.formats import documents, markup
from seqformer.formats.units import Document
from seqformer.text.faults import Faults

HAS_LXML = importlib.util.find_spec("lxml") is not None
needs_lxml = pytest.mark.skipif(not HAS_LXML, reason="lxml is not installed")
SOME = [name for name in SAMPLES if HAS_LXML or name.endswith(".po")]
EN_FR = ("en", "fr")
XML = "{http://www.w3.org/XML/1998/namespace}"


def opened(text: str, **settings: Any) -> Document:
    return documents.open_document(text.encode(), "it", **({"known": EN_FR} | settings))


def filled(text: str, **settings: Any) -> str:
    document = opened(text, **settings)
    document.fill([stub(source) for source in document.sources])
    return document.to_bytes().decode()


def pairs(
    text: str | bytes, asked: tuple[str, str] = ("", "")
) -> tuple[list[tuple[str, str]], tuple[str, str], Faults]:
    content = text.encode() if isinstance(text, str) else text
    faults = Faults()
    kind = documents.kind(content[: documents.HEAD])
    read, there = documents.read_pairs(io.BytesIO(content), kind, "it", asked, faults)
    return list(read), there, faults


def skipped(faults: Faults) -> dict[str, list[int]]:
    assert all(fault.file == "it" for fault in faults.entries())
    return {fault.kind: list(fault.lines) for fault in faults.entries()}


# --- what a file is ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        *((text, {"a.tmx": "tmx", "a.po": "po"}.get(name, "xliff")) for name, text in SAMPLES.items()),
        ("<tmx version='1.4'>", "tmx"),
        ("\ufeff\n<!-- <xliff> --><x:xliff version='1.2'>", "xliff"),
        ('#, fuzzy\nmsgid ""\nmsgstr ""\n', "po"),
        ('#~ msgid "a"\n#~ msgstr "b"\n', "po"),
        ('msgid "a"\nun chat\n', ""),
        ("msgid\tmsgstr\n", ""),
        ("<!DOCTYPE html><html>", ""),
        ("<tmxlike/>", ""),
        ("a <tmx>\tb\n", ""),
        ("# a comment\ta\n", ""),
        ("", ""),
    ],
)
def test_a_file_is_recognised_by_its_content(content: str, kind: str) -> None:
    assert documents.kind(content.encode()[: documents.HEAD]) == kind
    assert documents.kind(content.lstrip("\ufeff").encode("utf-16")[: documents.HEAD]) == kind


# --- pairs ------------------------------------------------------------------------------------------------


@needs_lxml
def test_pairs_of_tmx() -> None:
    read, there, faults = pairs(TMX)
    assert read == [("Hello big world.", "Bonjour, grand monde.")] and there == ("en_US", "fr_FR")
    assert skipped(faults) == {
        "no target": [TMX[: TMX.index(t)].count("\n") + 1 for t in ('<tu tuid="two', '<tu tuid="three')]
    }
    assert pairs(TMX, ("fr", "en"))[:2] == ([("Bonjour, grand monde.", "Hello big world.")], ("fr", "en"))
    assert pairs(TMX.replace("UTF-8", "UTF-16").encode("utf-16"))[0] == read


@needs_lxml
def test_pairs_of_xliff() -> None:
    read, there, faults = pairs(XLIFF)
    assert read == [("Done", "Fini"), ("First.", "Un.")] and there == EN_FR
    assert len(skipped(faults)["no target"]) == 6
    assert pairs(XLIFF, ("fr", "en"))[:2] == ([("Fini", "Done"), ("Un.", "First.")], ("fr", "en"))
    assert pairs(XLIFF_2)[:2] == ([("Done", "Fini")], EN_FR)
    whole = XLIFF.replace(
        '<target><mrk mtype="seg" mid="0">Un.</mrk> <mrk mtype="seg" mid="1"/>', "<target>Un. Deux."
    )
    assert ("First. Second cat.", "Un. Deux.") in pairs(whole)[0]
    with pytest.raises(DataError, match="it is en to fr, and en to de was asked for"):
        pairs(XLIFF, ("en", "de"))


def test_pairs_of_po() -> None:
    read, there, faults = pairs(PO)
    assert read == [("Open", "Ouvrir"), ("one dog", "un chien"), ("%d dogs", "%d chiens")]
    assert there == ("", "fr")
    assert {kind: len(lines) for kind, lines in skipped(faults).items()} == {
        "no target": 3,
        "fuzzy": 1,
        "obsolete": 1,
    }
    assert PO.splitlines()[skipped(faults)["fuzzy"][0] - 1] == 'msgstr ""'
    assert pairs(PO, ("fr", "en"))[0][0] == ("Ouvrir", "Open")
    assert pairs(PO.replace('"Language: fr', '"X-Source-Language: en\\n"\n"Language: pt-br'))[1] == (
        "en",
        "pt_BR",
    )
    after = PO + '\n#, fuzzy\n#~ msgid "a"\n#~ msgstr "b"\n\nmsgid "last"\nmsgstr "fin"\n'
    assert pairs(after)[0][-1] == ("last", "fin")
    koi = 'msgid ""\nmsgstr "Content-Type: text/plain; charset=KOI8-R\\n"\n\nmsgid "yes"\nmsgstr "да"\n'
    assert pairs(koi.encode("koi8-r"))[0] == [("yes", "да")]
    escaped = 'msgid "a\\tb\\"c\\\\" "\\x41\\102"\nmsgstr "é\\n\\n"\n'
    assert pairs(escaped)[0] == [('a b"c\\AB', "é")]


def many(*codes: str, count: int = 3) -> str:
    variants = "".join(f'<tuv xml:lang="{code}"><seg>{code} %d</seg></tuv>' for code in codes)
    units = "".join(f"<tu>{variants % ((number,) * len(codes))}</tu>\n" for number in range(count))
    return f'<tmx><header srclang="{codes[0]}"/><body>{units}</body></tmx>'


@needs_lxml
def test_the_languages_of_a_tmx_are_chosen() -> None:
    read, there, _ = pairs(many("de", "en", "fr"), ("en", "fr"))
    assert read[0] == ("en 0", "fr 0") and there == EN_FR
    with pytest.raises(DataError, match="the languages in it are de, en, fr; choose two"):
        pairs(many("de", "en", "fr"))
    with pytest.raises(DataError, match="no it in it; the languages in it are de, en, fr"):
        pairs(many("de", "en", "fr"), ("en", "it"))
    assert pairs(many("en-US", "fr-fra"), EN_FR)[0][0] == ("en-US 0", "fr-fra 0")
    assert pairs(many("fr", "en").replace('srclang="fr"', 'srclang="en"'))[1] == EN_FR
    assert pairs(many("en-GB", "en-US"))[1] == ("en_GB", "en_US")
    read, _, faults = pairs(many("en", "pt-BR", "pt-PT", count=1), ("en", "pt"))
    assert read == [("en 0", "pt-BR 0"), ("en 0", "pt-PT 0")]
    assert faults.remarks == ["it: pt_BR, pt_PT are all read as pt"]
    assert pairs(many("en", "pt-BR", "pt-PT", count=1), ("en", "pt_PT"))[0] == [("en 0", "pt-PT 0")]
    assert pairs(many("en", "pt-BR", "pt", count=1), ("en", "pt"))[0] == [("en 0", "pt 0")]
    with pytest.raises(DataError, match="the languages in it are none is named"):
        pairs(many("en", "fr").replace("xml:lang", "code"))


@needs_lxml
def test_a_third_language_far_down_is_no_surprise_either() -> None:
    late = many("en", "fr", count=1500).replace(
        "</body>", '<tu><tuv xml:lang="de"><seg>x</seg></tuv></tu></body>'
    )
    with pytest.raises(DataError, match="the languages in it are de, en, fr"):
        pairs(late)
    assert len(pairs(late, EN_FR)[0]) == 1500


@needs_lxml
def test_tmx_is_read_as_it_comes(monkeypatch: pytest.MonkeyPatch) -> None:
    text = many("en", "fr", count=20_000).encode()
    file = io.BytesIO(text)
    read, _ = documents.read_pairs(file, "tmx", "it", EN_FR, None)
    assert next(read) == ("en 0", "fr 0") and file.tell() < len(text) / 4
    elements = list(markup.stream(io.BytesIO(TMX.encode()), "it", ("tu",)))
    assert len(elements) == 3 and not any(map(len, elements)), "they are emptied"
    monkeypatch.setattr(markup, "MOST_UNREAD", 1 << 18)
    assert sum(1 for _ in documents.read_pairs(io.BytesIO(text), "tmx", "it", EN_FR, None)[0]) == 20_000
    endless = b"<tmx><body><tu>" + b"<note>x</note>" * 40_000
    with pytest.raises(DataError, match="without the end of a unit"):
        documents.read_pairs(io.BytesIO(endless), "tmx", "it", EN_FR, None)


# --- XML that is not safe, or not whole -------------------------------------------------------------------


@needs_lxml
@pytest.mark.parametrize("name", ["a.tmx", "a.xlf", "a2.xlf"])
@pytest.mark.parametrize(
    "subset",
    [
        '<!ENTITY a SYSTEM "file:///etc/passwd">',
        '<!ENTITY % a SYSTEM "http://127.0.0.1:9/x"> %a;',
        '<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;">',
    ],
)
def test_entities_are_refused(name: str, subset: str) -> None:
    text = re.sub("<!DOCTYPE.*>", "", SAMPLES[name])
    text = re.sub(r"(<\?xml.*?\?>)", rf"\1<!DOCTYPE x [{subset}]>", text).replace("Hello", "&a; Hello")
    content = text.encode()
    kind = "tmx" if name == "a.tmx" else "xliff"
    with pytest.raises(DataError, match=r"^it: it declares entities \('a'\)"):
        documents.read_pairs(io.BytesIO(content), kind, "it", EN_FR, None)
    with pytest.raises(DataError, match=r"^it: it declares entities|no TMX"):
        documents.open_document(content, "it", known=EN_FR)


@needs_lxml
def test_an_entity_that_nothing_declares_is_refused() -> None:
    with pytest.raises(DataError, match=r"it, line 18: an entity that the file does not declare: &foo;"):
        pairs(TMX.replace("Bye", "&foo;"))


@needs_lxml
@pytest.mark.parametrize("name", ["a.tmx", "a.xlf", "a2.xlf"])
def test_a_file_cut_short_is_refused_in_a_line(name: str) -> None:
    text = SAMPLES[name].rstrip()
    for end in range(0, len(text), 31):
        kind = "tmx" if name == "a.tmx" else "xliff"
        with pytest.raises(DataError, match=r"^it: not a whole XML file \(.*\)$"):
            list(documents.read_pairs(io.BytesIO(text[:end].encode()), kind, "it", EN_FR, None)[0])


def test_a_po_file_cut_short_or_wrong_is_refused_in_a_line() -> None:
    for text, why in {
        'msgid "a"\nmsgstr "b\n': "line 2: a text that does not end",
        'msgid "a"\n': "line 1: an entry without msgstr",
        'msgstr "a"\n': "line 1: an entry without msgid",
        'msgid "a"\nmsgid "b"\nmsgstr "c"\n': "line 1: an entry without msgstr",
        'msgid "a"\nmsgstr "b"\nmsgstr "b"\n': "line 3: a second msgstr",
        'msgid "a"\nmsgstr "b"\nhello\n': "line 3: neither",
        'msgid "a charset=punycode"\nmsgstr "b"\n': "its encoding is punycode",
    }.items():
        with pytest.raises(DataError, match=f"^it.* {why}"):
            documents.read_pairs(io.BytesIO(text.encode()), "po", "it", EN_FR, None)
    with pytest.raises(DataError, match="not utf-8, as it says"):
        documents.read_pairs(io.BytesIO(b'msgid "\xff"\nmsgstr "b"\n'), "po", "it", EN_FR, None)


@pytest.mark.parametrize("name", SOME)
def test_damaged_files_are_refused_or_harmless(name: str) -> None:
    content = SAMPLES[name].encode()
    outcomes = [check(damaged(content, random.Random(f"{name}/{number}"))) for number in range(150)]
    assert check(content) == "harmless" and {"harmless", "refused"} == set(outcomes)


def test_without_lxml_the_extra_is_named_and_po_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def missing(name: str, *rest: Any) -> Any:
        if name == "lxml":
            raise ImportError(name)
        return real(name, *rest)

    monkeypatch.setattr(builtins, "__import__", missing)
    assert documents.kind(TMX.encode()) == "tmx" and pairs(PO)[0] and filled(PO)
    for text in (TMX, XLIFF):
        with pytest.raises(MissingExtra, match=r"seqformer\[formats\]"):
            pairs(text)
        with pytest.raises(MissingExtra, match=r"seqformer\[formats\]"):
            opened(text)


# --- filling ----------------------------------------------------------------------------------------------


def elements(text: str, *, with_targets: bool) -> list[tuple[Any, ...]]:
    """Every node of an XML file in order: names, attributes and text, spacing aside; targets and states at will."""
    from lxml import etree

    root = etree.fromstring(text.encode())
    if not with_targets:
        for each in list(root.iter("{*}target", "{*}tuv")):
            own = each.tag.endswith("target") and not re.search("alt-trans|match$", str(each.getparent().tag))
            if own or each.get(f"{XML}lang") == "fr-FR":
                each.getparent().remove(each)
        for each in root.iter("{*}trans-unit", "{*}segment"):
            for name in ("approved", "state", "subState"):
                each.attrib.pop(name, None)
    before = [(str(each.tag), each.text) for each in root.itersiblings(preceding=True)]
    return before + [
        (str(each.tag), dict(each.attrib), each.nsmap, (each.text or "").split(), (each.tail or "").split())
        for each in root.iter()
    ]


@needs_lxml
@pytest.mark.parametrize("name", ["a.tmx", "a.xlf", "a2.xlf"])
@pytest.mark.parametrize("retranslate", [False, True])
def test_all_but_the_targets_stays(name: str, retranslate: bool) -> None:
    text = SAMPLES[name]
    made = filled(text, retranslate=retranslate)
    assert elements(made, with_targets=False) == elements(text, with_targets=False)
    assert elements(made, with_targets=True) != elements(text, with_targets=True)
    again = opened(made)
    assert not again.sources and again.total == opened(text).total
    assert opened(made, retranslate=True).sources == opened(text, retranslate=True).sources


@needs_lxml
def test_nothing_to_translate_changes_nothing() -> None:
    for text in (TMX, XLIFF, XLIFF_2):
        made = filled(text)
        assert elements(filled(made), with_targets=True) == elements(made, with_targets=True)


@needs_lxml
@pytest.mark.parametrize("name", ["a.tmx", "a.xlf", "a2.xlf"])
def test_targets_have_the_inline_elements_of_their_sources(name: str) -> None:
    from lxml import etree

    def inline(element: Any) -> list[tuple[Any, ...]]:
        inside = [each for each in element.iter(etree.Element) if each is not element]
        return [(each.tag, dict(each.attrib)) for each in inside]

    root = etree.fromstring(filled(SAMPLES[name], retranslate=True).encode())
    count = 0
    for target in root.iter("{*}target", "{*}tuv"):
        if re.search("alt-trans|match$", target.getparent().tag) or target.get(f"{XML}lang") == "en-US":
            continue
        source = target.getparent().find("{*}seg-source")
        source = target.getparent().find("{*}source") if source is None else source
        if name == "a.tmx":
            source = target.getparent().find(f"tuv[@{XML}lang='en-US']/seg")
            target = target.find("seg")
        assert inline(target) == inline(source)
        assert "é" in "".join(target.itertext())
        count += bool(inline(source))
    assert count >= 1


@needs_lxml
def test_what_is_filled_says_that_a_machine_did_it() -> None:
    made = filled(TMX)
    assert made.count('creationid="MT!"') == 2 and made.count('xml:lang="fr-FR"') == 3
    assert '<seg>engineé <ph x="1"/>' not in made and "Bonjour, <hi" in made
    made = filled(XLIFF)
    assert made.count('<target state="needs-review-translation" state-qualifier="leveraged-mt"') == 4
    assert 'approved="no"' in made and '<target state="final">Fini</target>' in made
    assert re.search('<target [^>]*own:a="b"[^>]*>dooré Newé fin</target>', made)
    assert made.count("not text") == 1  # a comment of the source is no element of its text
    assert '<mrk mtype="seg" mid="0">Un.</mrk>' in made and "Jo Ann</mrk>" in made.split("<target")[-1]
    assert '<segment id="s3" state="translated" subState="seqformer:mt">' in filled(XLIFF_2)


@needs_lxml
def test_the_segments_that_are_translated_stay() -> None:
    both = '<mrk mtype="seg" mid="0">Un.</mrk> <mrk mtype="seg" mid="1">cat.é'
    for held in (
        '<mrk mtype="seg" mid="0">Un.</mrk>',
        '<mrk mtype="seg" mid="0">Un.</mrk> <mrk mtype="seg" mid="1"/>',
    ):
        text = XLIFF.replace('<mrk mtype="seg" mid="0">Un.</mrk> <mrk mtype="seg" mid="1"/>', held)
        assert f'leveraged-mt">{both}' in filled(text)
    text = XLIFF.replace('<target><mrk mtype="seg" mid="0">Un.</mrk> <mrk mtype="seg" mid="1"/></target>', "")
    assert f'leveraged-mt">{both}'.replace("Un.", "First.é fin") in filled(text)


@needs_lxml
def test_lines_stay_lines_where_spaces_are_kept() -> None:
    text = XLIFF.split('<trans-unit id="6"')
    made = filled(text[0] + '<trans-unit id="6"' + text[1]).split('<trans-unit id="6"')[1]
    assert (
        "<target" in made
        and "lineé Oneé fin\n  anotheré" in made
        and '<ph id="1">{0}</ph>' in made.split("<target")[1]
    )


@needs_lxml
def test_the_target_language_is_written_where_it_is_missing() -> None:
    bare = XLIFF_2.replace(' trgLang="fr"', "")
    assert 'trgLang="pt-BR"' in filled(bare, known=("en", "pt_BR"))
    with pytest.raises(DataError, match="say it with --languages"):
        opened(bare, known=("", ""))
    bare = XLIFF.replace(' target-language="fr"', "")
    assert 'target-language="fr"' in filled(bare) and "target-language" not in filled(bare, known=("", ""))
    assert '<tuv xml:lang="it" creationid="MT!"><seg>' in filled(TMX, asked=("en", "it"))


@pytest.mark.parametrize("name", SOME)
def test_languages_that_contradict_each_other_are_refused(name: str) -> None:
    text = SAMPLES[name]
    assert opened(text, known=("", ""), asked=("en_GB", "fr_CA") if name != "a.tmx" else EN_FR).sources
    if name == "a.tmx":
        with pytest.raises(DataError, match="no de in it; the languages in it are en_US, fr_FR"):
            opened(text, known=("de", "fr"))
        return
    with pytest.raises(DataError, match="to fr, and this run translates en to de; use another run"):
        opened(text, known=("en", "de"))
    with pytest.raises(DataError, match="to fr, and en to de was asked for"):
        opened(text, known=EN_FR, asked=("en", "de"))
    assert opened(text, known=("en", "de"), asked=EN_FR).languages == EN_FR


@needs_lxml
def test_a_file_of_several_languages_is_filled_in_those_of_the_run() -> None:
    one, other = XLIFF.index("<file"), XLIFF.index("</xliff>")
    part = XLIFF[one:other]
    text = XLIFF[:one] + part + part.replace('target-language="fr"', 'target-language="de"') + XLIFF[other:]
    document = opened(text)
    assert document.total == 14 and max(document.numbers) <= 7 and document.languages == EN_FR
    with pytest.raises(DataError, match="several languages"):
        opened(text, known=("", ""))
    with pytest.raises(DataError, match=r"several languages \(en to fr, en to de\)"):
        pairs(text)
    assert pairs(text, ("en", "de"))[1] == ("en", "de")


def test_only_translations_and_flags_change_in_po() -> None:
    made = filled(PO)

    def rest(text: str) -> list[str]:
        text = re.sub(r'(?m)^msgstr(\[\d\])? ".*"\n(".*"\n)*', "msgstr\n", text.split("\n\n", 1)[1])
        return re.sub(r"(?m)^#, fuzzy\n", "", text).replace("#, fuzzy, ", "#, ").split("\n")

    assert made.split("\n\n")[0] == PO.split("\n\n")[0]
    assert rest(made) == rest(PO)
    assert (
        '#, fuzzy, python-format\n#| msgid "The windows"\nmsgid "The %s door"\nmsgstr "dooré %sé Theé fin"\n'
        in made
    )
    assert "#, fuzzy, c-format\n" in made and made.count("fuzzy") == 3
    assert 'msgstr ""\n"\\"text\\"é longé Aé fin\\n"\n"linesé twoé ofé fin\\n"\n' in made
    assert "Un texte" not in made
    assert 'msgstr[0] "caté oneé fin"\nmsgstr[1] "catsé %dé fin"\n' in made
    assert 'msgstr "Ouvrir"' in made and 'msgstr "Opené fin"' in filled(PO, retranslate=True)
    assert filled(PO.replace("\n", "\r\n")) == made.replace("\n", "\r\n")


def test_one_plural_form_is_that_of_many() -> None:
    text = 'msgid "one cat"\nmsgid_plural "many cats"\nmsgstr[0] ""\n'
    assert opened(text).sources == ["many cats"]
    three = text + 'msgstr[1] ""\nmsgstr[2] ""\n'
    assert opened(three).sources == ["one cat", "many cats", "many cats"]


def test_po_keeps_its_encoding_or_says_that_it_cannot() -> None:
    text = 'msgid ""\nmsgstr "Content-Type: text/plain; charset=ISO-8859-1\\n"\n\nmsgid "é"\nmsgstr ""\n'
    document = documents.open_document(text.encode("latin-1"), "it")
    document.fill(["ü"])
    assert document.to_bytes().decode("latin-1").endswith('#, fuzzy\nmsgid "é"\nmsgstr "ü"\n')
    document = documents.open_document(text.encode("latin-1"), "it")
    document.fill(["中"])
    with pytest.raises(DataError, match="iso8859-1 has no '中', which a translation needs"):
        document.to_bytes()
    assert documents.open_document(PO.encode("utf-16"), "it").to_bytes() == PO.encode("utf-16")


def test_blank_translations_are_not_put_in() -> None:
    for name in SOME:
        document = opened(SAMPLES[name])
        as_it_was = document.to_bytes()
        document.fill([" " for _ in document.sources])
        assert document.to_bytes() == as_it_was


@pytest.mark.parametrize("name", SOME)
def test_characters_that_a_file_cannot_hold_do_no_harm(name: str) -> None:
    document = opened(SAMPLES[name])
    document.fill(['\x00\x0b<&>"\\ \ufffe é' for _ in document.sources])
    made = documents.open_document(document.to_bytes(), "it", known=EN_FR)
    assert made.total == document.total


def test_another_reader_sees_the_same_po() -> None:
    pypo = pytest.importorskip("translate.storage.pypo")

    def units(text: str) -> list[tuple[Any, ...]]:
        store = pypo.pofile.parsestring(text.encode())
        return [
            (u.source, u.getcontext(), u.getnotes(), u.getlocations(), u.isobsolete()) for u in store.units
        ]

    made = filled(PO)
    assert units(made) == units(PO)
    store = pypo.pofile.parsestring(made.encode())
    unit = next(u for u in store.units if u.hasplural())
    assert unit.target.strings == ["caté oneé fin", "catsé %dé fin"] and unit.isfuzzy()
