"""Words that people read go through gettext: no form, choice, message or error has a bare text."""

import ast
import re
import subprocess
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from django.apps import apps
from django.db import models
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy

ROOT = Path(__file__).parents[2]
_WORD = re.compile(r"[a-z]{3}")
_CLAUSE = re.compile(r"[a-z] [a-z{]")
# What each call shows: the place of its positional arguments, and the names of the others.
_SHOWN = {
    "say": (1,),
    "show_problem": (1,),
    "add_error": (1,),
    "ValidationError": (0,),
    "Step": (0,),
}
_FIELD = re.compile(r"(?:Field|Entry|SettingsTab|AgentTab|ServerTab|Need|QuickAction)$")
_NAMED = {"label", "help_text", "empty_label", "title", "remark", "button", "busy"}
# A rule answers what is wrong in sentences, which somebody else makes errors of; others tell of a policy or an alert.
_RULE = re.compile(r"problems\b|problems_of$|^validate_|^refusal_|^bar$|^sentences?(_of)?$")
# What is never translated, though an error may carry it: (the path, why). Other errors carry what such a part says as
# `str(error)`: a resource or a pattern, a rule of an agent's lists, and a value that has no canonical form.
_UNTRANSLATED = [
    (r"aim/ledger/audit/|verification/ledger_counterpart", "the operator's command prints what an audit finds"),
    (r"mcp/probe/", "what a run has seen is kept with the run"),
    (r"aim/resources/", "the decision keeps it in the record of the check that denies a hostile resource"),
]


@cache
def sources() -> list[Path]:
    """Without what operators and programs read alone: commands, and the texts of the API, which answers English."""
    listed = subprocess.run(["git", "ls-files", "*.py"], cwd=ROOT, capture_output=True, text=True, check=True)
    names = [
        name for name in listed.stdout.split() if not re.match(r"(tests|docs)/|.*/(migrations|management|api)/", name)
    ]
    return [ROOT / name for name in names]


def is_bare(node: ast.expr) -> bool:
    """Whether a text stands there itself, in whole or in part, and not as the argument of a function."""
    match node:
        case ast.Constant(value=str(text)):
            return bool(_WORD.search(text))
        case ast.JoinedStr(values=parts):
            return any(is_bare(part) for part in parts)
        case ast.BinOp(left=left, right=right):
            return is_bare(left) or is_bare(right)
        case ast.IfExp(body=one, orelse=other):
            return is_bare(one) or is_bare(other)
    return False


def shown(tree: ast.Module) -> Iterator[ast.expr]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            yield from (node.args[place] for place in _SHOWN.get(name, ()) if place < len(node.args))
            if _FIELD.search(name):
                yield from (keyword.value for keyword in node.keywords if keyword.arg in _NAMED)
        elif isinstance(node, ast.ClassDef) and any(ast.unparse(base).endswith("TextChoices") for base in node.bases):
            values = [line.value for line in node.body if isinstance(line, ast.Assign)]
            yield from (value.elts[1] for value in values if isinstance(value, ast.Tuple) and len(value.elts) == 2)
        elif isinstance(node, ast.Dict):
            # The words of a dialog, as the views keep them.
            yield from (
                value
                for key, value in zip(node.keys, node.values, strict=True)
                if isinstance(key, ast.Constant) and key.value in {"button", "busy", "said", "again"}
            )


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("say(request, 'It is saved.')", True),
        ("say(request, f'{name} is saved.')", True),
        ("say(request, _('It is saved.'))", False),
        ("say(request, _('%(name)s is saved.') % {'name': name})", False),
        ("forms.CharField(label='Name')", True),
        ("forms.CharField(label=_('Name'), widget=x('text'))", False),
        ("class A(models.TextChoices):\n    ONE = 'one', 'The first'", True),
        ("class A(models.TextChoices):\n    ONE = 'one', _('The first')\n    RSA = 'rsa', 'RSA'", False),
        ("{'button': 'Go', 'busy': 'Going…'}", True),
    ],
)
def test_a_bare_text_is_told_from_one_that_is_translated(source, found):
    assert any(is_bare(node) for node in shown(ast.parse(source))) == found


def test_no_text_on_a_page_is_bare():
    bare = [
        f"{path.relative_to(ROOT)}:{node.lineno} {ast.unparse(node)}"
        for path in sources()
        for node in shown(module_of(path).tree)
        if is_bare(node)
    ]
    assert bare == []


def unlabelled(choices: Iterable[tuple[Any, Any]]) -> list[str]:
    """The labels that nobody can translate: those that Django makes of a name, and those that are bare."""
    return [
        str(words) for _value, words in choices if not isinstance(words, Promise) and re.search("[a-z]{2}", str(words))
    ]


@cache
def pages_by_room() -> dict[str, str]:
    """What the pages of each app are made of. Those of the frame show what is of accounts."""
    texts: dict[str, list[str]] = {}
    for path in [*sources(), *(ROOT / "templates").rglob("*.html")]:
        room, *inside = path.relative_to(ROOT).parts
        room = inside[0] if room == "templates" else room
        texts.setdefault("accounts" if room in {"console", "components"} else room, []).append(path.read_text())
    return {room: "\n".join(several) for room, several in texts.items()}


def displayed() -> dict[str, list[tuple[Any, Any]]]:
    """The fields of which pages of their app show the label, by the name of the field: more than those that are."""
    found = {}
    for config in apps.get_app_configs():
        names = set(re.findall(r"get_(\w+)_display", pages_by_room().get(config.label, "")))
        for model in config.get_models():
            shown = [each for each in model._meta.fields if each.name in names and each.choices]
            found |= {f"{model.__name__}.{each.name}": list(each.flatchoices) for each in shown}
    return found


def offered() -> dict[str, list[tuple[Any, Any]]]:
    """The choices that forms and views take whole or by their label, elsewhere than where they are made."""
    known = [each for each in models.TextChoices.__subclasses__() if not each.__module__.startswith("tests.")]
    found = {}
    for path in sources():
        # What comes from programs is read by serializers, which show no label.
        lines = [line for line in path.read_text().splitlines() if "serializers." not in line]
        names = set(re.findall(r"\b((?:[A-Z]\w+\.)*[A-Z]\w+)(?:\([\w.]+\))?\.(?:choices|labels?)\b", "\n".join(lines)))
        module = ".".join(path.relative_to(ROOT).with_suffix("").parts)
        for each in known:
            if each.__qualname__ in names and each.__module__ != module:
                found[f"{each.__module__}.{each.__qualname__}"] = each.choices
    return found


def test_a_label_that_django_makes_is_told_from_one_that_is_translated():
    class Sample(models.TextChoices):
        ONE = "one"
        TWO = "two", "The second"
        THREE = "three", gettext_lazy("The third")
        RSA = "rsa", "RSA"

    assert unlabelled(Sample.choices) == ["One", "The second"]


def test_no_choice_on_a_page_is_bare():
    shown = displayed() | offered()
    assert {"Membership.role", "Report.status", "PolicyVersion.state", "security.models.Report.Severity"} <= set(shown)
    assert {name: bare for name, choices in shown.items() if (bare := unlabelled(choices))} == {}


@dataclass(slots=True)
class Module:
    """One module: where its names get their values, so that an error is followed to the text it is made of."""

    tree: ast.Module
    marked: list[ast.FunctionDef | ast.ClassDef | ast.Call] = field(default_factory=list)
    functions: dict[str, ast.FunctionDef] = field(default_factory=dict)
    scopes: dict[ast.AST, ast.AST] = field(default_factory=dict)
    values: dict[ast.AST, dict[str, list[ast.expr]]] = field(default_factory=dict)
    imports: dict[str, Path] = field(default_factory=dict)

    def __post_init__(self) -> None:
        waiting: list[tuple[ast.AST, ast.AST]] = [(self.tree, self.tree)]
        while waiting:
            node, scope = waiting.pop()
            if isinstance(node, ast.FunctionDef | ast.ClassDef | ast.Call):
                self.marked.append(node)
            if isinstance(node, ast.Name | ast.FunctionDef):
                self.scopes[node] = scope
            if isinstance(node, ast.FunctionDef):
                self.functions[node.name] = scope = node
            for name, value in _bound(node):
                self.values.setdefault(scope, {}).setdefault(name, []).extend(value)
            if isinstance(node, ast.ImportFrom) and node.module and (path := ROOT / node.module.replace(".", "/")):
                self.imports |= {name.asname or name.name: path.with_suffix(".py") for name in node.names}
            waiting.extend((child, scope) for child in ast.iter_child_nodes(node))

    def texts(self, node: ast.expr, seen: frozenset[str] = frozenset()) -> Iterator[str]:
        """The bare texts that the expression may be: its own, and those of the names and functions it goes by."""
        match node:
            case ast.Name(id=name) if name not in seen:
                for module, value in self._values(node, name):
                    yield from module.texts(value, seen | {name})
            case ast.Call(func=ast.Name(id=name)) if name not in seen:
                for module, value in self._answers(name):
                    yield from module.texts(value, seen | {name})
            case ast.BinOp(op=ast.Mod(), left=words, right=put):
                yield from self.texts(words, seen)
                # A name may be put into a sentence, but no part of one.
                yield from (text for text in self.texts(put, seen) if _CLAUSE.search(text.partition(" ")[2]))
            case ast.Constant() | ast.JoinedStr() if is_bare(node):
                yield f"{node.lineno} {ast.unparse(node)}"
            case _:
                for part in _parts(node):
                    yield from self.texts(part, seen)

    def _values(self, node: ast.AST, name: str) -> Iterator[tuple["Module", ast.expr]]:
        while node is not self.tree:
            node = self.scopes[node]
            if name in self.values.get(node, {}):
                yield from ((self, value) for value in self.values[node][name])
                return
        if other := self._module_of(name):
            yield from ((other, value) for value in other.values.get(other.tree, {}).get(name, ()))

    def _answers(self, name: str) -> Iterator[tuple["Module", ast.expr]]:
        module = self if name in self.functions else self._module_of(name)
        if module and name in module.functions:
            yield from ((module, value) for value in answers(module.functions[name]))

    def _module_of(self, name: str) -> "Module | None":
        path = self.imports.get(name)
        return module_of(path) if path and path.is_file() else None


def _parts(node: ast.expr) -> list[ast.expr]:
    """What an expression is one of, or holds."""
    match node:
        case ast.Subscript(value=inner) | ast.Starred(value=inner) | ast.NamedExpr(value=inner):
            return [inner]
        case ast.ListComp(elt=inner) | ast.GeneratorExp(elt=inner) | ast.Lambda(body=inner):
            return [inner]
        case ast.IfExp(body=one, orelse=other) | ast.BinOp(op=ast.Add(), left=one, right=other):
            return [one, other]
        case ast.BoolOp(values=several) | ast.Dict(values=several):
            return several
        case ast.List(elts=several) | ast.Tuple(elts=several) | ast.Call(func=ast.Attribute(attr="join"), args=several):
            return several
        case ast.Call(func=ast.Attribute(attr="format" | "get", value=inner), args=[*given]):
            return [inner, *given[1:]]
    return []


def _bound(node: ast.AST) -> Iterator[tuple[str, list[ast.expr]]]:
    """The names that a statement gives a value, and the values, where they are seen."""
    match node:
        case (
            ast.Assign(targets=[ast.Name(id=name)], value=value) | ast.NamedExpr(target=ast.Name(id=name), value=value)
        ):
            yield name, [value]
        case ast.AnnAssign(target=ast.Name(id=name), value=ast.expr() as value):
            yield name, [value]
        case ast.For(target=ast.Name(id=name), iter=value) | ast.comprehension(target=ast.Name(id=name), iter=value):
            yield name, [value]
        case ast.ExceptHandler(name=str(name)):
            yield name, []
        case ast.FunctionDef(args=arguments):
            yield from ((argument.arg, []) for argument in (*arguments.args, *arguments.kwonlyargs))


def answers(function: ast.FunctionDef) -> Iterator[ast.expr]:
    """What the function returns and yields, and what it adds to what it may return."""
    for node in ast.walk(function):
        match node:
            case ast.Return(value=ast.expr() as value) | ast.Yield(value=ast.expr() as value):
                yield value
            case ast.AugAssign(value=value) | ast.Call(func=ast.Attribute(attr="append"), args=[value]):
                yield value


@cache
def module_of(path: Path) -> Module:
    return Module(ast.parse(path.read_text()))


@cache
def error_classes() -> dict[str, int | None]:
    """Every class of the product that is a `ServiceError`, and where its message stands; None if it makes its own."""
    found: dict[str, int | None] = {"ServiceError": 0}
    everything = [node for path in sources() for node in module_of(path).marked if isinstance(node, ast.ClassDef)]
    above = {node: _above(node) for node in everything}
    while more := [node for node in everything if node.name not in found and found.keys() & above[node]]:
        found |= {
            node.name: _message_of(node, next(found[name] for name in above[node] if name in found)) for node in more
        }
    return found


def _above(node: ast.ClassDef) -> list[str]:
    return [ast.unparse(base).rpartition(".")[2] for base in node.bases]


def _message_of(node: ast.ClassDef, above: int | None) -> int | None:
    made = next((line for line in node.body if isinstance(line, ast.FunctionDef) and line.name == "__init__"), None)
    return above if made is None else _place(made)


def _place(function: ast.FunctionDef, wanted: str = "message") -> int | None:
    names = [argument.arg for argument in function.args.args if argument.arg != "self"]
    return names.index(wanted) if wanted in names else None


def raised(module: Module) -> Iterator[ast.expr]:
    """What errors are made of: the messages of problems and errors, of the functions that make them, and of rules."""
    places: dict[str, int | None] = {"Problem": 2, "NotInvited": 2, "Finding": 2, **error_classes()}
    for node in module.marked:
        if isinstance(node, ast.FunctionDef) and node.name != "__init__" and (place := _place(node)) is not None:
            places[node.name] = place
    for node in module.marked:
        match node:
            case ast.ClassDef() if error_classes().keys() & {node.name, *_above(node)}:
                yield from (
                    call.args[0]
                    for call in ast.walk(node)
                    if isinstance(call, ast.Call) and call.args and ast.unparse(call.func) == "super().__init__"
                )
            case ast.Call(func=ast.Name(id="InvalidPublicKeyError"), args=[_, *messages]):
                yield from messages
            case ast.Call(func=ast.Attribute(attr="add", value=ast.Name(id="reader")), args=[_, message, *_]):
                yield message
            case ast.Call(func=ast.Name(id=name) | ast.Attribute(attr=name)):
                place = places.get(name)
                yield from node.args[place : place + 1] if place is not None else ()
                yield from (keyword.value for keyword in node.keywords if keyword.arg == "message")
            case ast.FunctionDef(name=name) if _RULE.search(name):
                yield from answers(node)


def told(module: Module) -> Iterator[ast.expr]:
    """What the sentences of alerts are made of, those of a server's mails and of the events on its page, and what mails
    are called.
    """
    places = {"AlertKind": 3, "tell": 2, "note": 3}
    for node in module.marked:
        if isinstance(node, ast.FunctionDef) and (place := _place(node, "sentence")) is not None:
            places[node.name] = place
    for node in module.marked:
        match node:
            case ast.Call(func=ast.Name(id="queue_mail")):
                yield from (keyword.value for keyword in node.keywords if keyword.arg == "subject")
            case ast.Call(func=ast.Name(id=name), args=given) if name in places:
                place = places[name]
                yield from given[place : place + 1]
                yield from (keyword.value for keyword in node.keywords if keyword.arg == "sentence")
                # Whoever tells of a server by mail gives further sentences.
                yield from given[place + 1 : place + 2] if name == "tell" else ()


def bare_tales(module: Module) -> list[str]:
    found = []
    for node in told(module):
        match node:
            case ast.Name(id=name) if name in module.functions:
                made = [*answers(module.functions[name])]
            case ast.Call(func=ast.Name(id=name), args=given) if name in module.functions:
                made = [node, *given]
            case _:
                made = [node]
        found += [text for part in made for text in module.texts(part)]
    return found


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("AlertKind('code', _('A label'), frozenset(), lambda entry: f'{entry} joined')", True),
        ("AlertKind('code', _('A label'), frozenset(), lambda entry: gettext('%(a)s joined') % {'a': entry})", False),
        ("AlertKind('code', _('A label'), sentence=lambda entry: 'Somebody joined')", True),
        ("def why(entry):\n    return f'{entry} joined'\nAlertKind('code', _('A label'), frozenset(), why)", True),
        ("_E = {1: 'was denied'}\nAlertKind('code', _('A label'), frozenset(), lambda entry: _E[entry])", True),
        ("def _add(code, sentence):\n    pass\n_add('code', lambda entry: f'{entry} joined')", True),
        ("def _says(words):\n    return lambda entry: _(words)\nAlertKind('c', 'l', None, _says('It is gone'))", True),
        ("note(server, KIND, LOW, f'Key {key} is gone', data)", True),
        ("note(server, KIND, LOW, _('It is gone'), data)", False),
        ("tell(server, KIND, _('It is gone'), [f'Until {day}.'], once='a')", True),
        ("queue_mail(kind='a', subject=f'Checkpoint {number} of the ledger')", True),
        ("queue_mail(kind='a', subject=_('Checkpoint %(n)d') % {'n': number})", False),
        ("def named(n):\n    return f'Checkpoint {n} is here'\nqueue_mail(subject=named(1))", True),
        ("def f():\n    text = f'{name} is gone'\n    tell(server, KIND, text, [], once='a')", True),
        (
            "def f():\n    text = _('%(a)s is gone') % {'a': 1}\n    tell(server, KIND, text, [_('Now.')], once='a')",
            False,
        ),
    ],
)
def test_a_bare_alert_is_told_from_one_that_is_translated(source, found):
    assert bool(bare_tales(Module(ast.parse(source)))) == found


def test_no_sentence_of_an_alert_is_bare():
    bare = [f"{path.relative_to(ROOT)}:{text}" for path in sources() for text in bare_tales(module_of(path))]
    assert bare == []


def bare_errors(module: Module) -> list[str]:
    return [text for node in raised(module) for text in module.texts(node)]


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("raise ConflictError('It is taken.')", True),
        ("raise ConflictError(f'{name} is taken.')", True),
        ("raise ConflictError('It ' + what + ' is taken.')", True),
        ("raise ConflictError(_('It is taken.'))", False),
        ("raise ConflictError(_('%(name)s is taken.') % {'name': name})", False),
        ("raise ConflictError(ngettext('%(n)d is', '%(n)d are', n) % {'n': n})", False),
        ("raise PermissionDeniedError(Permission.AGENTS_READ)", False),
        (
            "class AgentGoneError(ConflictError):\n    def __init__(self):\n        super().__init__('It is gone.')",
            True,
        ),
        ("Problem('name', 'invalid', 'Give a name.')", True),
        ("Problem('name', 'invalid', _('Give a name.'))", False),
        ("Problem('name', 'invalid', message='Give a name.')", True),
        ("def f():\n    message = 'Give a name.'\n    raise InvalidInputError((Problem('n', 'c', message),))", True),
        ("_TEXT = 'Give a name.'\ndef f():\n    Problem('name', 'invalid', _TEXT)", True),
        ("_TEXT = gettext_noop('Give a name.')\ndef f():\n    Problem('name', 'invalid', _(_TEXT))", False),
        ("def why(x):\n    return 'Too long.' if x else ''\nraise ConflictError(why(1))", True),
        ("def why(x):\n    yield 'Too long.'\n[Problem('n', 'c', text) for text in why(1)]", True),
        ("def name_problems(value) -> list[str]:\n    return ['Give a name.']", True),
        ("def name_problems(value) -> list[str]:\n    found += [f'Give {x}.' for x in value]", True),
        ("def name_problems(value) -> list[str]:\n    found.append(_('Give a name.'))", False),
        ("raise InvalidPublicKeyError('weak_key', _('Too short.'), 'Too even.')", True),
        ("reader.add(path, 'Must be text.')", True),
        ("def _refused(code, message):\n    return 1\nraise _refused('c', 'Give a name.')", True),
        ("_TEXTS = {'a': 'Give %s.'}\nraise ConflictError(_TEXTS.get('a', '') % 1)", True),
        ("_TEXTS = {'a': 'Give {x}.'}\nraise ConflictError(_TEXTS['a'].format(x=1))", True),
        ("raise ConflictError(', '.join(f'Give {x}.' for x in [1]))", True),
        ("def sentence(value):\n    return f'the user is {value}'", True),
        ("def sentence(value):\n    words = _('the user is %(user)s')\n    return words % {'user': value}", False),
        ("def part(x):\n    return f'if {x} agrees'\ndef sentences_of(x):\n    return [_('%(p)s.') % part(x)]", True),
        ("def sentences_of(x):\n    return [_('%(p)s %(q)s.') % {'p': 'read_only', 'q': 'one of them'}]", True),
        ("def sentences_of(x):\n    return [_('%(p)s.') % {'p': x.get('read_only')}]", False),
        (
            "def part(x):\n    return f'if {x} agrees'\ndef sentences_of(x):\n    lines = [part(x)]\n    return lines",
            True,
        ),
    ],
)
def test_a_bare_error_is_told_from_one_that_is_translated(source, found):
    assert bool(bare_errors(Module(ast.parse(source)))) == found


def test_no_error_of_a_service_is_bare():
    bare = [
        f"{name}:{text}"
        for path in sources()
        if not any(re.match(exempt, name := str(path.relative_to(ROOT))) for exempt, _why in _UNTRANSLATED)
        for text in bare_errors(module_of(path))
    ]
    assert bare == []
