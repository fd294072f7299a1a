"""Texts that are small to send and dear to read: nested deep, of very many parts, or both, by notation.

Each is made when it is asked for: all together would be some hundred megabytes.
"""

from collections.abc import Callable, Mapping

DEEP = 100_000
MANY = 1_000_000

Texts = Mapping[str, Callable[[], str]]


def _json_texts() -> Texts:
    return {
        "arrays": lambda: "[" * DEEP,
        "arrays closed": lambda: "[" * DEEP + "]" * DEEP,
        "objects": lambda: '{"a":' * DEEP,
        "objects closed": lambda: '{"a":' * DEEP + "1" + "}" * DEEP,
        "mixed": lambda: '[{"a":' * DEEP,
        "mixed closed": lambda: '[{"a":' * DEEP + "1" + "}]" * DEEP,
        "mixed, many lines": lambda: "[\n" * DEEP + "]\n" * DEEP,
        "deep behind a text": lambda: '["' + '\\"' * DEEP + '",' + "[" * DEEP,
        "deep after a backslash": lambda: '["\\\\",' + "[" * DEEP,
        "deep behind many": lambda: "[" + "[]," * 1000 + "[" * DEEP,
        "up and down": lambda: "[" + ("[" * 150 + "]" * 150 + ",") * 3000 + "1]",
        "siblings": lambda: "[" + "0," * MANY + "0]",
        "siblings without an end": lambda: "[" + "0," * MANY,
        "empty arrays": lambda: "[" + "[]," * MANY + "0]",
        "empty objects": lambda: "[" + "{}," * MANY + "0]",
        "objects of one": lambda: "[" + '{"a":1},' * MANY + "0]",
        "keys": lambda: "{" + ",".join(f'"{n}":0' for n in range(MANY)) + "}",
        "one key": lambda: "{" + '"a":0,' * MANY + '"a":0}',
        "texts": lambda: "[" + '"ab",' * MANY + "0]",
        "texts of commas": lambda: "[" + '",",' * MANY + "0]",
        "texts of brackets": lambda: "[" + '"[",' * MANY + "0]",
        "brackets in a key": lambda: '{"' + "[{" * MANY + '": 1}',
        "escapes": lambda: '"' + "\\\\" * MANY + '"',
        "pairs of escapes": lambda: '"' + "\\ud83d\\ude00" * (MANY // 4) + '"',
        "half pairs": lambda: '["' + "\\ud83d" * (MANY // 4) + '"]',
        "backslashes": lambda: "\\" * MANY,
        "quotes": lambda: '"' * MANY,
        "long numbers": lambda: "[" + "123456789012345678," * (MANY // 10) + "0]",
        "longer numbers": lambda: "[" + "12345678901234567890," * (MANY // 10) + "0]",
        "one number": lambda: "1" * MANY,
        "one fraction": lambda: "0." + "1" * MANY,
        "one power": lambda: "1e" + "9" * MANY,
        "white space": lambda: " \n" * MANY,
        "nulls": lambda: '["' + "\\u0000" * (MANY // 4) + '"]',
        "nothing but commas": lambda: "," * MANY,
    }


def _yaml_texts() -> Texts:
    return {
        "lists": lambda: "[" * 2 * DEEP,
        "lists closed": lambda: "[" * 2 * DEEP + "]" * 2 * DEEP,
        "objects": lambda: "{a: " * DEEP,
        "objects closed": lambda: "{a: " * DEEP + "1" + "}" * DEEP,
        "mixed": lambda: "[{a: " * DEEP,
        "keys in keys": lambda: "{? " * DEEP,
        "explicit keys": lambda: "? " * DEEP,
        "explicit keys in lines": lambda: "?\n" * DEEP,
        "dashes": lambda: "- " * DEEP,
        "dashes in lines": lambda: "-\n" * MANY,
        "dashes and an item": lambda: "- " * DEEP + "a",
        "list in lines": lambda: "[\n" * DEEP,
        "pairs in lists": lambda: '["a":' * DEEP,
        "indented": lambda: "".join(" " * n + "a:\n" for n in range(1400)),
        "indented dashes": lambda: "".join(" " * n + "-\n" for n in range(1400)),
        "siblings": lambda: "[" + "1," * MANY + "1]",
        "siblings in lines": lambda: "- 1\n" * MANY,
        "siblings, nested": lambda: "[" * 199 + "1," * MANY,
        "empty lists": lambda: "[" + "[]," * MANY + "1]",
        "keys": lambda: "{" + ",".join(f"k{n}: 1" for n in range(MANY // 4)) + "}",
        "aliases": lambda: "[&a 1" + ",*a" * MANY + "]",
        "aliases of lists": lambda: "- &a [1,1,1,1,1,1,1,1]\n" + "- [*a,*a,*a,*a,*a,*a,*a,*a]\n" * DEEP,
        "aliases that multiply": lambda: (
            "l0: &l0 [x,x,x,x]\n" + "".join(f"l{n}: &l{n} [*l{n - 1},*l{n - 1}]\n" for n in range(1, 60))
        ),
        "aliases that deepen": lambda: (
            "l0: &l0 [x]\n" + "".join(f"l{n}: &l{n} [*l{n - 1}]\n" for n in range(1, 20_000))
        ),
        "keys that are aliases": lambda: "&a [x]: 1\n" + "".join(f"*a : {n}\n" for n in range(20_000)),
        "itself": lambda: "&a [*a]",
        "anchors": lambda: "[" + ",".join(f"&a{n} 1" for n in range(MANY // 10)) + "]",
        "merged": lambda: (
            "l0: &l0 {a: 1}\n" + "".join(f"l{n}: &l{n} {{<<: [*l{n - 1}, *l{n - 1}]}}\n" for n in range(1, 60))
        ),
        "directives": lambda: "".join(f"%TAG !a{n}! x{n}:\n" for n in range(DEEP // 2)) + "--- a",
        "documents": lambda: "---\n" * DEEP,
        "number in base 60": lambda: "!!int " + "1:" * (MANY // 4) + "1",
        "fraction in base 60": lambda: "!!float " + "1:" * (MANY // 4) + "1",
        "number": lambda: "1" * MANY,
        "number in base 16": lambda: "0x" + "f" * MANY,
        "no number": lambda: "[!!int '']",
        "no truth": lambda: "!!bool maybe",
        "no fraction": lambda: "!!float one",
        "no object": lambda: "!!map one",
        "text": lambda: "a " * (MANY // 2),
        "text of escapes": lambda: '"' + "\\n" * (MANY // 2) + '"',
        "text in lines": lambda: "|\n" + " a\n" * (MANY // 4),
        "empty lines": lambda: "a" + "\n" * MANY + "a",
        "comments": lambda: "#\n" * (MANY // 2),
        "colons": lambda: ": " * (MANY // 2),
        "marks": lambda: "\ufeff" * (MANY // 4),
        "tag": lambda: "!<" + "%41" * (MANY // 4) + "> a",
    }


def _markup_texts() -> Texts:
    return {
        "elements": lambda: "<a>" * DEEP,
        "elements closed": lambda: "<a>" * DEEP + "</a>" * DEEP,
        "siblings": lambda: "<a>" + "<b/>" * MANY + "</a>",
        "attributes": lambda: "<a " + " ".join(f'b{n}=""' for n in range(MANY // 8)) + "/>",
        "names": lambda: "".join(f'<a{n} xmlns:b{n}="c">' for n in range(DEEP // 2)),
        "entities": lambda: "<a>" + "&lt;" * (MANY // 4) + "</a>",
        "references": lambda: "&#" + "1" * 99_000 + ";",
        "references in base 16": lambda: "&#x" + "f" * 99_000 + ";",
        "document type": lambda: '<!DOCTYPE a [<!ENTITY b "c">' + '<!ENTITY d "&b;&b;">' * DEEP,
        "comments": lambda: "<!--" * DEEP,
        "half open": lambda: "<" * MANY,
        "quotes": lambda: "> " * DEEP,
        "bullets": lambda: "- " * DEEP,
        "brackets": lambda: "[" * DEEP,
        "links": lambda: "[a](" * DEEP,
        "images": lambda: "![](" * (DEEP // 4),
        "brackets in brackets": lambda: "[" * (DEEP // 2) + "]" * (DEEP // 2),
        "hosts": lambda: "[a](http://" + "".join(chr(0x4E00 + n) for n in range(20_000)) + ")",
        "lines of a quote": lambda: "> " * 19 + "a\n" * (DEEP // 3),
        "items": lambda: "- a\n" * (DEEP // 4),
        "a reference": lambda: "[a]: " + "b" * (DEEP // 2) + "\n\n" + "[a]" * (DEEP // 8),
        "stars": lambda: "*" * DEEP,
        "stars and bars": lambda: "*_" * (DEEP // 2),
        "stars and words": lambda: "**a" * (DEEP // 3),
        "backticks": lambda: "`" * DEEP,
        "fences": lambda: "```\n" * (DEEP // 4),
        "headings": lambda: "#" * DEEP,
        "scripts": lambda: "<script>" * (DEEP // 8),
        "blanks": lambda: " " * DEEP,
        "empty lines": lambda: "\n" * DEEP,
    }


def _table_texts() -> Texts:
    return {
        "cells": lambda: "a," * (MANY // 2),
        "rows": lambda: "a\n" * (MANY // 2),
        "quotes": lambda: '"' * (MANY - 1),
        "one cell": lambda: "a" * MANY,
        "quoted rows": lambda: '"a\n' * (MANY // 4),
    }


def _code_texts() -> Texts:
    return {
        "letters": lambda: "A" * MANY,
        "ends": lambda: "=" * MANY,
        "lines": lambda: "AAAA\n" * (MANY // 5),
        "nonsense": lambda: "\u00e9" * MANY,
        "fields": lambda: "a=b&" * (MANY // 4),
        "brackets": lambda: "a" + "[b]" * (MANY // 8) + "=1",
        "escapes": lambda: "%41" * (MANY // 4),
        "dots": lambda: "a" + ".b" * (MANY // 8) + "=1",
    }


JSON = _json_texts()
YAML = _yaml_texts()
MARKUP = _markup_texts()
TABLES = _table_texts()
CODES = _code_texts()
