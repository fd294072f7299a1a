"""Ways out that people try. None of them may give a value, and none may fail with anything but our own error."""

import pytest

from tasks.expressions.errors import ExpressionError
from tasks.expressions.expression import compile_expression
from tasks.expressions.templates.templates import compile_template

EXPRESSIONS = [
    "().__class__",
    "''.__class__.__mro__[1].__subclasses__()",
    "(1).__class__.__base__",
    "_.__dict__",
    "_._private",
    "len.__self__",
    "len.__globals__",
    "len.run",
    "len.run.__globals__",
    "math.__loader__",
    "math.members",
    "math.call",
    "re.search('a', 'a').re",
    "re.search('a', 'a').string",
    "re.search('a', 'a').__class__",
    "datetime.now().__reduce__()",
    "datetime.now().tzinfo.__class__",
    "timezone.utc.__class__",
    "zoneinfo.ZoneInfo('UTC').from_file('x')",
    "zoneinfo.ZoneInfo.no_cache('UTC')",
    "(x for x in [1]).gi_frame",
    "(x for x in [1]).gi_frame.f_back.f_globals",
    "(x for x in [1]).items",
    "[x for x in [1]].__iter__()",
    "__import__('os')",
    "__builtins__",
    "__builtins__['eval']",
    "globals()",
    "locals()",
    "vars(_)",
    "dir(_)",
    "eval('1')",
    "exec('1')",
    "compile('1', '', 'eval')",
    "open('/etc/passwd')",
    "input()",
    "breakpoint()",
    "type(1)",
    "type(1).mro()",
    "getattr(_, 'a')",
    "setattr(_, 'a', 1)",
    "object()",
    "super()",
    "memoryview(b'a')",
    "'{0.__class__}'.format(1)",
    "'{a.__class__}'.format_map({'a': 1})",
    "str.format('{0.__class__}', 1)",
    "map(str.format, ['{0.__class__}'])",
    "f'{_.__class__}'",
    "f'{_!r:{_.__class__}}'",
    "'%(__class__)s' % _",
    # Look-alikes that the parser folds to plain letters and underscores.
    "_.＿＿class＿＿",
    "_.__ｃlass__",
    "_.ⅿro",
    "ｅval('1')",
    "_.﹍class",
    "_['a'].__init__",
    "[].__class__",
    "{}.fromkeys([1])",
    "dict.fromkeys([1])",
    "str.maketrans({})",
    "int.from_bytes([1])",
    "float.fromhex('1')",
    "json.JSONEncoder",
    "json.codecs",
    "yaml.unsafe_load('x')",
    "yaml.Loader",
    "load_yaml('!!python/object/apply:os.system [id]')",
    "load_yaml('!!python/name:os.system')",
    "random.SystemRandom",
    "string.Formatter().format('{0.__class__}', 1)",
    "string.Template('a')",
    "csv.reader('a').__class__",
    "statistics.sys",
    "base64.binascii",
    "urllib.request",
    "urllib.parse.sys",
    "time.sleep(1)",
    "hashlib.new('md5')",
    "datetime.sys",
    "reduce(getattr, [_, 'a'])",
    "sorted([1], key=__import__)",
    "sorted([1], key='x')",
    "map(_, [1])",
    "get.run",
]


@pytest.mark.parametrize("source", EXPRESSIONS)
def test_expressions_cannot_escape(source):
    with pytest.raises(ExpressionError):
        compile_expression(source).evaluate({"_": {"a": 1}})


TEMPLATES = [
    "{{ ''.__class__ }}",
    "{{ ''['__class__'] }}",
    "{{ ''|attr('__class__') }}",
    "{{ ''|attr('__cl' ~ 'ass__') }}",
    "{{ [x]|map(attribute='__class__')|list }}",
    "{{ [x]|map('attr', '__class__')|list }}",
    "{{ [x]|groupby('__class__') }}",
    "{{ [x]|sort(attribute='__class__') }}",
    "{{ [x]|selectattr('__class__')|list }}",
    "{{ [x]|sum(attribute='__class__') }}",
    "{{ [x]|join(attribute='__class__') }}",
    "{{ self }}{{ self.__init__ }}",
    "{{ self._TemplateReference__context }}",
    "{{ cycler.__init__.__globals__ }}",
    "{{ joiner.__init__ }}",
    "{{ lipsum.__globals__ }}",
    "{{ namespace.__init__ }}",
    "{{ namespace(a=1).__class__ }}",
    "{{ namespace(a=1) }}",
    "{{ range.__class__ }}",
    "{{ dict.mro() }}",
    "{{ config.items() }}",
    "{{ request.application }}",
    "{{ __import__('os') }}",
    "{{ ''.format() }}",
    "{{ '%s'|format(1) }}",
    "{% macro m() %}{% endmacro %}{{ m }}",
    "{% macro m() %}{% endmacro %}{{ m.__globals__ }}",
    "{% macro m() %}{% endmacro %}{{ m.variables }}",
    "{% for i in [1] %}{{ loop }}{% endfor %}",
    "{% for i in [1] %}{{ loop.__class__ }}{% endfor %}",
    "{% for i in [1] %}{{ loop._iterator }}{% endfor %}",
    "{% for i in [1] %}{{ loop.items }}{% endfor %}",
    "{% for i in [1] recursive %}{{ loop([1]) }}{% endfor %}",
    "{% include 'x' %}",
    "{% import 'x' as y %}",
    "{% from 'x' import y %}",
    "{% extends 'x' %}",
    "{% block a %}{% endblock %}",
    "{% autoescape true %}{% endautoescape %}",
    "{% set x.y = 1 %}",
    "{{ xs.append(1) }}",
    "{% do xs.append(1) %}",
    "{{ d.update({'a': 2}) }}",
    "{{ d.pop('a') }}",
    "{{ x|nothing }}",
    "{{ x is nothing }}",
    "{{ debug() }}{% debug %}",
    "{{ len }}",
    "{{ math }}",
    "{{ d.＿＿class＿＿ }}",
]


@pytest.mark.parametrize("source", TEMPLATES)
def test_templates_cannot_escape(source):
    with pytest.raises(ExpressionError):
        compile_template(source).render({"x": "text", "xs": [1], "d": {"a": 1}})


@pytest.mark.parametrize("text", ["{{ 1 + 1 }}", "{% for x in y %}", "$ 1 + 1", "{_.a}", "{0.__class__}", "%(a)s"])
def test_values_are_never_read_as_source(evaluate, render, text):
    assert evaluate("_ + f'{_}' + '%s' % _", _=text) == text * 3
    assert render("{{ _ }}{{ [_]|join }}{{ _|trim|indent }}", _=text) == text * 3
