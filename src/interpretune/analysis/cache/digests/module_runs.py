"""What the call of a module certainly leaves in dictionaries: entries that hooks store whenever they are called.

Whoever captures activations lets a hook put them under a name, runs the model and takes them from there. What an
earlier run left under that name is overwritten before it is read, so it does not count. That is taken for granted only
of hooks of modules that are certainly called: the module itself, all of a `Sequential`, and what a `forward` calls
whichever way it goes.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from types import FunctionType
from typing import Any

import torch
from torch.nn.modules.module import Module

from .code.source import find_source
from .distributions import class_origin
from .module_code import names_in
from .observers import stored_entries

__all__ = ["certainly_stored"]

#: Parts of an expression that may not be evaluated, or later.
_UNSURE = (ast.IfExp, ast.BoolOp, ast.Compare, ast.Lambda, ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)
#: Libraries whose decorators call what they are put over.
_CALLING = ("torch.", "transformers.")
_KINDS = ("_forward_pre_hooks", "_forward_hooks")
_SIMPLE = (ast.Expr, ast.Assign, ast.AugAssign, ast.AnnAssign, ast.Return)


def certainly_stored(module: Module) -> Iterator[tuple[dict[Any, Any], Any]]:
    """Give the dictionaries and names under which something is certainly stored while a module is called.

    Args:
        module: what is called.
    """
    hooks = [hook for part in module.modules() for kind in _KINDS for hook in getattr(part, kind).values()]
    if not hooks or any(map(_takes_away, hooks)):
        return
    for part in _called(module):
        for hook in (*part._forward_pre_hooks.values(), *part._forward_hooks.values()):
            yield from stored_entries(hook)


def _takes_away(hook: Any) -> bool:
    """Tell whether a hook may take another one away, or is no function that could be asked."""
    function = getattr(hook, "__func__", hook)
    named = names_in(function.__code__) if isinstance(function, FunctionType) else ["remove"]
    return any(name == "remove" or name.endswith("_hooks") for name in named)


def _called(module: Module) -> Iterator[Module]:
    cls = type(module)
    if cls.__call__ is not Module.__call__ and any(
        "__call__" in base.__dict__ and class_origin(base).user for base in cls.__mro__
    ):
        return
    yield module
    if "forward" in vars(module):
        return
    if cls.forward is torch.nn.Sequential.forward:
        inside: Iterable[Module | None] = module._modules.values()
    else:
        inside = _called_by_forward(module, cls.forward)
    for child in inside:
        if isinstance(child, Module):
            yield from _called(child)


def _called_by_forward(module: Module, forward: Any) -> Iterator[Module | None]:
    while isinstance(forward, FunctionType) and str(forward.__globals__.get("__name__")).startswith(_CALLING):
        if not hasattr(forward, "__wrapped__"):
            break
        forward = forward.__wrapped__
    if not isinstance(forward, FunctionType) or hasattr(forward, "__wrapped__"):
        return
    source = find_source(forward.__code__, forward.__globals__)
    if source is None or not isinstance(source.node, ast.FunctionDef) or not source.node.args.args:
        return
    itself = source.node.args.args[0].arg
    stored = {part.attr for part in ast.walk(source.node) if _is_stored(part) and isinstance(part, ast.Attribute)}
    for called in _calls(source.node.body):
        if (name := _attribute(called, itself)) in module._modules and name not in stored:
            yield module._modules[name]
    for loop in _certain(source.node.body):
        name = _attribute(_looped(loop), itself) if isinstance(loop, ast.For) else ""
        several = module._modules.get(name)
        if name not in stored and isinstance(several, torch.nn.ModuleList) and _calls_each(loop):
            yield from several._modules.values()


def _certain(body: list[ast.stmt]) -> Iterator[ast.stmt]:
    """Give the statements of a body that are certainly reached."""
    for statement in body:
        yield statement
        if any(isinstance(part, (ast.Return, ast.Break, ast.Continue)) for part in ast.walk(statement)):
            return


def _calls(body: list[ast.stmt]) -> Iterator[ast.expr]:
    """Give what a body certainly calls."""
    pending: list[ast.AST] = [statement for statement in _certain(body) if isinstance(statement, _SIMPLE)]
    while pending:
        part = pending.pop()
        if not isinstance(part, _UNSURE):
            pending += ast.iter_child_nodes(part)
            if isinstance(part, ast.Call):
                yield part.func


def _looped(loop: ast.For) -> ast.expr:
    """Give what a loop goes through, with or without numbers."""
    through = loop.iter
    if isinstance(through, ast.Call) and isinstance(through.func, ast.Name) and through.func.id == "enumerate":
        return through.args[0] if through.args else through
    return through


def _calls_each(loop: Any) -> bool:
    """Tell whether a loop certainly calls all that it goes through."""
    target = loop.target.elts[-1] if isinstance(loop.target, ast.Tuple) else loop.target
    leaves = any(isinstance(part, (ast.Return, ast.Break)) for part in ast.walk(loop))
    if leaves or not isinstance(target, ast.Name):
        return False
    named = [part for part in ast.walk(loop) if isinstance(part, ast.Name) and part.id == target.id]
    if sum(map(_is_stored, named)) != 1:
        return False
    return any(isinstance(called, ast.Name) and called.id == target.id for called in _calls(loop.body))


def _attribute(node: ast.expr, itself: str) -> str:
    owner = node.value if isinstance(node, ast.Attribute) else None
    return node.attr if isinstance(node, ast.Attribute) and isinstance(owner, ast.Name) and owner.id == itself else ""


def _is_stored(node: ast.AST) -> bool:
    return isinstance(getattr(node, "ctx", None), ast.Store)
