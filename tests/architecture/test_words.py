"""Words that people read on a page go through gettext: no form, choice or message of a page has a bare text."""

import ast
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
_WORD = re.compile(r"[a-z]{3}")
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


def sources() -> list[Path]:
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
        for node in shown(ast.parse(path.read_text()))
        if is_bare(node)
    ]
    assert bare == []
