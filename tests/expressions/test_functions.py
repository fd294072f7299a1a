"""The function table: each row of the language's functions is called, documented and bounded."""

import re
import uuid

import pytest

from tasks.expressions.errors import EvaluationError
from tasks.expressions.functions import FUNCTIONS, MODULES, function_rows

ROWS = [
    ("abs(-2), round(2.567, 1), round(2.5), divmod(7, 2), pow(2, 3), pow(2, 3, 5)", [2, 2.6, 2, [3, 1], 8, 3]),
    ("all([1, 0]), any([0, 1]), bool(''), bool([0])", [False, True, False, True]),
    ("int('12'), int('ff', 16), int(2.9), float('1.5'), str(None), str([1, 'a'])", [12, 255, 2, 1.5, "None", "[1, 'a']"]),
    ("list('ab'), tuple([1]), dict([('a', 1)]), dict(a=1), sorted(set([2, 1, 2]))", [["a", "b"], [1], {"a": 1}, {"a": 1}, [1, 2]]),
    ("enumerate('ab'), enumerate('a', 1), zip([1, 2], 'abc'), reversed([1, 2])", [[[0, "a"], [1, "b"]], [[1, "a"]], [[1, "a"], [2, "b"]], [2, 1]]),
    ("sorted([3, 1], reverse=True), sorted(['bb', 'a'], key=len), sorted(['b', 'A'], key=str.lower)", [[3, 1], ["a", "bb"], ["A", "b"]]),
    ("min(3, 1), max([1, 5]), min([], default=0), max(['a', 'bbb'], key=len)", [1, 5, 0, "bbb"]),
    ("sum([1, 2]), sum([1], 10), sum([[1], [2]], []), len('abc'), len({})", [3, 11, [1, 2], 3, 0]),
    ("map(str, [1]), filter(null, [0, 1]), map(abs, [-1]), filter(bool, ['', 'a'])", [["1"], [1], [1], ["a"]]),
    ("reduce(max, [1, 3, 2]), reduce(min, [], 5), range(3), range(1, 7, 3)", [3, 5, [0, 1, 2], [1, 4]]),
    ("isinstance(1, int), isinstance('a', (int, str)), isinstance([], 'list'), isinstance(True, int)", [True, True, True, True]),
    ("chr(97), ord('a'), repr('a'), slice([1, 2, 3], 1)", ["a", 97, "'a'", [2, 3]]),
    ("load_json('{\"a\": 1}'), json.loads('[1]'), dump_json({'a': 'é'}), json.dumps([1], indent=1)", [{"a": 1}, [1], '{"a": "\\u00e9"}', "[\n 1\n]"]),
    ("load_yaml('a: [1, yes, 2024-01-31, 1.5, ~]'), yaml.safe_load('1')", [{"a": [1, True, "2024-01-31", 1.5, None]}, 1]),
    ("load_yaml('a: &x {b: 1}\\nc: {<<: *x, d: 2}\\ne: *x'), yaml.dump({'b': 1, 'a': [2]})", [{"a": {"b": 1}, "c": {"b": 1, "d": 2}, "e": {"b": 1}}, "a:\n- 2\nb: 1\n"]),
    ("extract_json('x ```json\\n{\"a\": 1}\\n``` y'), extract_json('```\\n[1]\\n```'), extract_json(' [2] ')", [{"a": 1}, [1], [2]]),
    ("extract_json('{\"a\": \"x\ny\"}')", {"a": "x\ny"}),
    ("extract_json('{\"a\": \"see ```py x``` ok\"}'), extract_json('[\"a ```json {}``` b\"]')", [{"a": "see ```py x``` ok"}, ["a ```json {}``` b"]]),
    ("extract_json('Sure:\\n```json\\n{\"code\": \"```py\\\\nx```\"}\\n```\\nBye')", {"code": "```py\nx```"}),
    ("extract_json('```JSON\\n[1]\\n```'), extract_json('```javascript\\r\\n{\"a\": [2]}\\r\\n```'), extract_json('```json\\n5\\n``` {}')", [[1], {"a": [2]}, 5]),
    ("extract_json('See [1].\\nHere it is: {\"a\": \"}\"}, as asked.'), extract_json('Done.\\n[1, 2]\\nBye {x}'), extract_json('a { b\\n{}')", [{"a": "}"}, [1, 2], {}]),
    ("extract_json('\"a {\"'), extract_json('null'), extract_json('7')", ["a {", None, 7]),
    ("load_json(BOM + '[1]'), json.loads(BOM + '{}'), extract_json(BOM + '{}'), load_yaml(BOM + 'a: 1'), yaml.safe_load(BOM + '- b')".replace("BOM", "'\ufeff'"), [[1], {}, {}, {"a": 1}, ["b"]]),
    ("csv.reader(BOM + 'a,b'), csv.DictReader(BOM + 'a,b\\n1,2'), csv.DictReader([BOM + '\"a\"', '1'])".replace("BOM", "'\ufeff'"), [[["a", "b"]], [{"a": "1", "b": "2"}], [{"a": "1"}]]),
    ("search_regex('b+', 'abbc').group(), search_regex('x', 'a'), match_regex('a', 'ab'), match_regex('ab?', 'ab')", ["bb", None, False, True]),
    ("re.search('(?P<n>a)(b)?', 'a').groupdict(), re.match('b', 'ab'), re.fullmatch('ab', 'ab').span()", [{"n": "a"}, None, [0, 2]]),
    ("re.findall('a(.)', 'abac'), re.findall('.', 'ab'), re.findall('(.)(.)', 'ab')", [["b", "c"], ["a", "b"], [["a", "b"]]]),
    ("re.split(', *', 'a, b,c'), re.split('(,)', 'a,b'), re.sub('a(.)', r'\\1-\\g<1>', 'ab'), re.subn('a', 'x', 'aa')", [["a", "b", "c"], ["a", ",", "b"], "b-b", ["xx", 2]]),
    ("re.search('A', 'a', re.IGNORECASE).start(), re.escape('a.b'), re.search('(?<=a)b', 'ab').group()", [0, "a\\.b", "b"]),
    ("[m.group(0) for m in re.finditer('.', 'ab')], re.search('(a)', 'a')[1]", [["a", "b"], "a"]),
    ("base64.b64encode('é'), base64.b64decode('w6k=')", ["w6k=", "é"]),
    ("urllib.parse.quote('a b/é'), urllib.parse.unquote('%20'), urllib.parse.urlencode({'a': 'b c'})", ["a%20b/%C3%A9", " ", "a=b+c"]),
    ("urllib.parse.urlparse('http://h:1/p?q=1').netloc, urllib.parse.parse_qs('a=1&a=2'), urllib.parse.urljoin('http://h/a/', 'b')", ["h:1", {"a": ["1", "2"]}, "http://h/a/b"]),
    ("hashlib.sha256('abc')[:8], hashlib.sha256('abc'.encode())[:8]", ["ba7816bf", "ba7816bf"]),
    ("math.sqrt(4), math.ceil(1.2), math.floor(1.8), math.log(8, 2), math.isnan(math.nan), round(math.pi, 2)", [2.0, 2, 1, 3.0, True, 3.14]),
    ("statistics.mean([1, 2, 3]), statistics.median([1, 3]), statistics.mode(['a', 'a', 'b']), len(statistics.quantiles([1, 2, 3], n=4))", [2, 2.0, "a", 3]),
    ("string.digits, string.ascii_lowercase[:3]", ["0123456789", "abc"]),
    ("str(datetime.datetime(2024, 1, 31)), datetime(2024, 1, 31).isoformat(), datetime.date(2024, 1, 31).year", ["2024-01-31 00:00:00", "2024-01-31T00:00:00", 2024]),
    ("str(date(2024, 1, 31) + timedelta(days=1)), (datetime(2024, 1, 2) - datetime(2024, 1, 1)).total_seconds()", ["2024-02-01", 86400.0]),
    ("datetime.strptime('31/01/2024', '%d/%m/%Y').strftime('%Y-%m-%d'), f'{date(2024, 1, 31):%d.%m.}'", ["2024-01-31", "31.01."]),
    ("str(datetime(2024, 7, 1, tzinfo=zoneinfo.ZoneInfo('Europe/Madrid'))), str(datetime(2024, 1, 1, tzinfo=timezone.utc))", ["2024-07-01 00:00:00+02:00", "2024-01-01 00:00:00+00:00"]),
    ("csv.reader('a,b\\n1,\"x,y\"'), csv.DictReader('a,b\\n1,2'), csv.dumps([['a', 1]])", [[["a", "b"], ["1", "x,y"]], [{"a": "1", "b": "2"}], "a,1\n"]),
    ("chunk_doc('A. B. C. D.', 2, 1), chunk_doc('')", [["A. B.", "B. C.", "C. D."], []]),
    ("len(chunk_doc('你好。' * 200)), chunk_doc('你好。' * 20)[1], chunk_doc('「行く。」と言った！ はい？いいえ。', 1, 0)", [17, "你好。" * 8, ["「行く。」", "と言った！", "はい？", "いいえ。"]]),
    ("chunk_doc('一。二。 三。\\n四', 3, 1), chunk_doc('कमल। राम॥ सीता।', 1, 0), chunk_doc('سلام؟ خوب۔ بله', 1, 0)", [["一。二。 三。", "三。 四"], ["कमल।", "राम॥", "सीता।"], ["سلام؟", "خوب۔", "بله"]]),
    ("chunk_doc('สวัสดี ลาก่อน ขอบคุณ', 2, 0), chunk_doc('မင်္ဂလာ။ပါ။', 1, 0), chunk_doc('GPT 4 ดี e.g. 3.14', 1, 0)", [["สวัสดี ลาก่อน", "ขอบคุณ"], ["မင်္ဂလာ။", "ပါ။"], ["GPT 4 ดี e.g.", "3.14"]]),
    ("markdown_to_html('# T\\n\\na **b** [c](https://d.e)\\n\\n- x\\n- y')", '<h1>T</h1>\n<p>a <strong>b</strong> <a href="https://d.e">c</a></p>\n<ul>\n<li>x</li>\n<li>y</li>\n</ul>'),
    ("markdown_to_html('<script> [a](javascript:x) ![b](data:image/png;c) <vbscript:d>')", "<p>&lt;script&gt; [a](javascript:x) ![b](data:image/png;c) &lt;vbscript:d&gt;</p>"),
    ("markdown_to_html('1. a\n   - _b_\n\n   ```x\n   <\n   ```')", '<ol>\n<li>\n<p>a</p>\n<ul>\n<li><em>b</em></li>\n</ul>\n<pre><code class="language-x">&lt;\n</code></pre>\n</li>\n</ol>'),
    ("markdown_to_html('> > a\nb\n***\n[c](/d \"e\") <https://f.g/é> &amp; \\*'), markdown_to_html('[a]: b\n\n[a]')", ['<blockquote>\n<blockquote>\n<p>a\nb</p>\n</blockquote>\n</blockquote>\n<hr>\n<p><a href="/d" title="e">c</a> <a href="https://f.g/%C3%A9">https://f.g/é</a> &amp; *</p>', "<p>[a]: b</p>\n<p>[a]</p>"]),
    ("html_to_markdown('<h1>T</h1><p>a <b>b</b> <a href=\"x\">c</a></p><script>no</script><ul><li>y</li></ul>')", "# T\n\na **b** [c](x)\n\n- y"),
    ("'a,b'.split(','), ' a  b '.split(), 'a-b'.rsplit('-', 1), 'a\\nb'.splitlines()", [["a", "b"], ["a", "b"], ["a", "b"], ["a", "b"]]),
    ("'Ab'.lower(), 'ab'.title(), ' a '.strip(), 'aab'.replace('a', 'x', 1), ','.join(['a', 'b']), 'ab'.startswith(('x', 'a'))", ["ab", "Ab", "a", "xab", "a,b", True]),
    ("'a'.ljust(3, '.'), '7'.zfill(3), 'a'.center(3), 'abc'.find('c'), 'aa'.count('a'), 'a=b'.partition('=')", ["a..", "007", " a ", 2, 2, ["a", "=", "b"]]),
    ("[1, 2, 1].count(1), [1, 2].index(2), {'a': 1}.get('b', 3), {'a': 1}.keys(), {'a': 1}.values(), list({1} & {1, 2})", [2, 1, 3, ["a"], [1], [1]]),
    ("len(random.sample(range(9), 3)), sorted(random.shuffle([2, 1])), random.randint(5, 5), randint(1), random.randint(1), random.choice([7]), random.random() < 1", [3, [1, 2], 5, 0, 0, 7, True]),
    ("time.time() > 1, datetime.now().year == datetime.datetime.now().year, date.today().year > 2000", [True, True, True]),
]  # fmt: skip


@pytest.mark.parametrize(("source", "expected"), ROWS, ids=[source[:60] for source, _ in ROWS])
def test_functions(evaluate, source, expected):
    assert evaluate(source) == expected


def test_a_whole_number_by_chance_is_an_index(evaluate):
    assert set(evaluate("[['a', 'b', 'c'][randint(3)] for i in range(200)]")) == {"a", "b", "c"}
    assert set(evaluate("[random.randint(1, 2) for i in range(100)]")) == {1, 2}


def test_identifiers(evaluate):
    assert uuid.UUID(evaluate("uuid4()")).version == 4
    assert uuid.UUID(evaluate("uuid7()")).version == 7


def test_get_reads_the_store(evaluate):
    assert evaluate("get('k'), get('x', 1), get('x')", state={"k": 5}) == [5, 1, None]
    assert evaluate("get('x', default=2)") == 2


def test_every_function_is_documented_with_its_bound():
    rows = function_rows()
    assert len({row.name for row in rows}) == len(rows)
    for row in rows:
        assert row.doc and row.bound, row.name
        assert re.match(r"[\w.]+\(.*\)$", row.signature), row.signature
    documented = {row.name for row in rows}
    assert set(FUNCTIONS) <= documented
    for name, module in MODULES.items():
        functions = [f"{name}.{key}" for key, value in module.members.items() if type(value).__name__ == "Function"]
        assert {full for full in functions if full not in documented} <= {"datetime.timedelta"}


def test_process_wide_state_cannot_be_set():
    for name in ("seed", "setstate", "field_size_limit", "register_dialect", "sleep", "tzset"):
        assert not any(name in module.members for module in MODULES.values())


@pytest.mark.parametrize("source", ["items(1)", "sorted(items, key=len)", "map(items, items)"])
def test_functions_take_values_and_names_of_functions(evaluate, source):
    with pytest.raises(EvaluationError):
        evaluate(source, items=["a"] if "sorted" not in source else 5)
