"""Small collections laid out as the published ones are; their sentences are made up."""

import pandas as pd

NTREX = {
    "src.eng": ("Two cats.", "A dog.", "No."),
    "ref.heb": ("שני חתולים.", "כלב.", "לא."),
    "ref.zho-CN": ("两只猫。", "一只狗。", "不。"),
    "ref.zho-TW": ("兩隻貓。", "一隻狗。", "不。"),
    "ref.srp-Cyrl": ("Две мачке.", "Пас.", "Неће."),
    "ref.srp-Latn": ("Dve mačke.", "Pas.", "Neće."),
    "ref.eng-US": ("Two cats!", "A dog!", "No!"),
    "ref.eng-GB": ("Two cats?", "A dog?", "No?"),
    "ref.nob": ("To katter.", "En hund.", "Nei."),
    "ref.nno": ("To kattar.", "Ein hund.", "Nei."),
    "ref.arb": ("قطتان.", "كلب.", "لا."),
    "ref.fas": ("دو گربه.", "سگ.", "نه."),
    "ref.prs": ("دو پشک.", "سگ!", "نی."),
    "ref.por": ("Dois gatos.", "Um cão.", "Não."),
    "ref.por-BR": ("Dois gatos!", "Um cachorro.", "Não!"),
}


def ntrex(place, texts=NTREX, documents="a\r\na\r\nb\r\n"):
    """Writes the repository: files end lines as other systems do, as published."""
    folder = place / "NTREX-128"
    folder.mkdir(parents=True)
    for name, lines in texts.items():
        content = "".join(f"{line}\r\n" for line in lines)
        (folder / f"newstest2019-{name}.txt").write_bytes(content.encode())
    second = folder / "newstest2019-ref-2.heb.txt"
    second.write_text("second\n", encoding="utf-8")
    if documents is not None:
        (place / "DOCUMENT_IDS.tsv").write_bytes(documents.encode())
    return place


CLAUSES = {2: 2, 11: 2, 13: 2, 14: 2, 15: 2, 16: 3, 17: 2, 20: 2, 21: 3, 23: 4}
CLAUSES |= {25: 2, 26: 3, 27: 2, 29: 3}


def declaration(word, **changes):
    """Paragraphs of the preamble, `p`, and of the articles, `a1` to `a30`."""
    articles = {
        f"a{n}": [f"{word} {n}.{m}" for m in range(1, CLAUSES.get(n, 1) + 1)]
        for n in range(1, 31)
    }
    return {"p": [f"{word} zero", f"{word} nought"]} | articles | changes


def udhr_xml(place, name, tag, parts, start=""):
    """Writes a declaration as its XML is laid out."""
    body = []
    for key, lines in parts.items():
        outer = ("preamble", "") if key == "p" else ("article", f' number="{key[1:]}"')
        paras = [f"<para>{line}</para>" for line in lines]
        if len(paras) > 1 and key != "a2":
            items = [f"<listitem>{para}</listitem>" for para in paras]
            paras = ["<orderedlist>", *items, "</orderedlist>"]
        title = f"<title>Title {key}</title>"
        body += [f"<{outer[0]}{outer[1]}>", title, *paras, f"</{outer[0]}>"]
    text = "\n".join(
        [
            '<?xml version="1.0" encoding="UTF-8"?>',
            start,
            f"<udhr iso639-3='{tag[:3]}' xml:lang='{tag}' key='{name}' "
            "xmlns='http://www.unhchr.ch/udhr'>",
            "<title>All</title><note><para>A note.</para></note>",
            *body,
            "</udhr>",
        ]
    )
    place.mkdir(parents=True, exist_ok=True)
    path = place / f"udhr_{name}.xml"
    path.write_text(text, encoding="utf-8")
    return path


def udhr_text(place, name, parts, step=3, *, note=False):
    """Writes a declaration as its plain text is laid out."""
    one, two, four = " " * step, " " * 2 * step, " " * 4 * step
    rows = ["Universal Declaration - X", "(c) somebody", "---", "", "All"]
    if note:
        rows += [f"{two}A note.", one]
    for key, lines in parts.items():
        rows.append(f"{two}Title {key}")
        if len(lines) > 1 and key not in ("p", "a2"):
            rows.append(two)
            for line in lines:
                rows += [" " * 3 * step, f"{four}{line}", " " * 3 * step]
            rows.append(two)
        else:
            rows += [f"{two}{line}" for line in lines]
        rows.append(one)
    place.mkdir(parents=True, exist_ok=True)
    path = place / f"udhr_{name}.txt"
    path.write_text("\n".join(rows) + "\n", encoding="utf-8")
    return path


FLORES = {
    "eng_Latn": ("Rain.", "Snow.", "Sun."),
    "heb_Hebr": ("גשם.", "שלג.", "שמש."),
    "cmn_Hans": ("雨。", "雪。", "太阳。"),
    "cmn_Hant": ("雨下。", "雪下。", "太陽。"),
}


def flores(place, texts=FLORES, drop=(), ids=(3, 1, 2)):
    """Writes a copy of the repository: a table a language, listed in the card."""
    (place / "dev").mkdir(parents=True)
    card = ["---", "configs:"]
    for name, lines in texts.items():
        rows = pd.DataFrame(
            {
                "id": ids,
                "iso_639_3": name[:3],
                "iso_15924": name[4:],
                "text": lines,
                "url": ["u", "v", "v"],
                "domain": "wikinews",
                "topic": "weather",
            }
        )
        rows = rows.drop(columns=list(drop))
        rows.to_parquet(place / "dev" / f"{name}.parquet")
        card += [f"- config_name: {name}", "  data_files:", "  - split: dev"]
        card += [f"    path: dev/{name}.parquet"]
    (place / "README.md").write_text("\n".join([*card, "---", ""]), encoding="utf-8")
    return place
