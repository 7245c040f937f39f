"""What code may edit in place, put hooks on, or list each once: weights and modules of a model, told by their names.

Asked only where parts of a model are one object: then an edit of one place is an edit of the others, and a list of
parameters has it once. Code is taken to edit where it names something that edits *and* something by which it may come
to what is shared. More is found than is ever edited, and then only counts what is one object; what is not found is a
weight that code reaches through a method of a library which none of the names here tells of.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from types import FunctionType
from typing import Any

from torch.nn.modules.module import Module

from .code.lookup import captured, is_user_function
from .code.source import find_source
from .code.syntax import called_name
from .hook_readers import Readers
from .hook_targets import held_in
from .module_code import DYNAMIC, read_names

__all__ = ["Target", "edited"]

#: Names that reach weights however they are called, and edit them.
_OF_ALL = frozenset(
    {
        *("load_state_dict", "load_model", "functional_call", "vector_to_parameters", "swap_tensors"),
        *("reset_parameters", "init_weights", "_init_weights", "tie_weights", "resize_token_embeddings"),
    }
)
#: Names that change the tensors that a module is made of.
_TENSORS = frozenset({*_OF_ALL, "step", "__setitem__", "exec", "eval"})
#: Names that change a module, beside all that speak of hooks or parametrizations.
_MODULES = frozenset(
    {
        *("setattr", "delattr", "__setattr__", "__delattr__", "__dict__", "vars", "exec", "eval"),
        *("add_module", "register_module", "register_parameter", "register_buffer", "set_submodule"),
        *("set_input_embeddings", "set_output_embeddings", "weight_norm", "spectral_norm", "orthogonal"),
        *("l1_unstructured", "ln_structured", "random_unstructured", "random_structured", "global_unstructured"),
        *("custom_from_mask", "_parameters", "_buffers", "_modules"),
    }
)
#: Methods that change a module, and give another tensor.
_CASTS = frozenset({"to", "half", "float", "double", "bfloat16"})
_IN_MODULE_NAMES = ("hook", "parametriz")
#: Methods that list what is in a module, each once however often it is there.
_EACH_TENSOR_ONCE = frozenset({"parameters", "named_parameters", "buffers", "named_buffers", "num_parameters"})
_EACH_MODULE_ONCE = frozenset({"modules", "named_modules", "children", "named_children"})
#: All that hand out the tensors of a module, and its submodules.
_GIVING_TENSORS = _EACH_TENSOR_ONCE | {"get_parameter", "get_buffer", "state_dict", "_parameters", "_buffers", "apply"}
_GIVING_MODULES = _EACH_MODULE_ONCE | {"get_submodule", "_modules", "apply"}
#: What code likes to ask of the first parameter, which says nothing of any of them.
_OF_THE_FIRST = ("device", "dtype", "is_cuda")
_DISPLAYS = (ast.Dict, ast.List, ast.Set, ast.ListComp, ast.DictComp, ast.SetComp, ast.Constant, ast.JoinedStr)
_CONTAINERS = ("dict", "list", "set", "defaultdict", "OrderedDict", "Counter", "deque")


@dataclass(frozen=True)
class Target:
    """What is shared, of one kind: tensors or modules."""

    #: The last names on the ways there; an empty one where it is reached by a number alone.
    names: frozenset[str]
    #: Of the objects themselves, which code may have captured.
    identities: frozenset[int]
    are_modules: bool
    #: Whether code that lists them has each once, as it has in one model.
    are_listed: bool = True

    def reached(self, words: frozenset[str], held: frozenset[int]) -> bool:
        """Tell whether code with these names, which holds these objects, may come to one of them."""
        giving = _GIVING_MODULES if self.are_modules else _GIVING_TENSORS | _OF_ALL
        return (
            "" in self.names
            or not self.identities.isdisjoint(held)
            or any(not found.isdisjoint(words) for found in (self.names, giving, DYNAMIC))
        )


@dataclass(frozen=True)
class _Edits:
    """Whether a function edits tensors, and whether it edits modules."""

    tensors: bool = False
    modules: bool = False
    #: Whether it lists tensors, each once.
    lists: bool = False
    #: Names of what is cast to another type, which changes it if it is a module.
    cast: frozenset[str] = frozenset()

    def __or__(self, other: _Edits) -> _Edits:
        return _Edits(
            self.tensors or other.tensors,
            self.modules or other.modules,
            self.lists or other.lists,
            self.cast | other.cast,
        )

    def of(self, target: Target) -> bool:
        if target.are_modules:
            return self.modules or not self.cast.isdisjoint(target.names)
        return self.tensors or (self.lists and target.are_listed)


def edited(values: Iterable[Any], methods: Iterable[FunctionType], targets: Iterable[Target]) -> list[Target]:
    """Give those of the targets that code may edit or put hooks on.

    Args:
        values: functions and objects that take part: the step, hooks.
        methods: methods of a user's own module classes, whose forward may edit what they hold.
        targets: what is looked for.
    """
    readers = Readers(())
    readers.add(*values)
    met = readers.met()
    functions = [value for value in met if type(value) is FunctionType and is_user_function(value)]
    edits, words = _Edits(), frozenset[str]()
    for function in functions:
        found, named = _looked_at(function)
        edits, words = edits | found, words | named
    held = frozenset(id(inner) for value in met for _, inner in held_in(value))
    own = [(*_looked_at(method, own=True), frozenset[int]()) for method in methods]
    code = [(edits, words, held), *own]
    return [
        target
        for target in targets
        if any(edit.of(target) and target.reached(names, inner) for edit, names, inner in code)
    ]


def _looked_at(function: FunctionType, own: bool = False) -> tuple[_Edits, frozenset[str]]:
    """Tell what a function edits, and by which names it may come to that.

    Args:
        function: of the user.
        own: only what it edits of its first argument: a forward may do to what passes through what it likes.
    """
    # A text may be the dotted path of a parameter.
    words = frozenset(part for word in read_names(function) for part in (word, *word.split(".")) if part)
    source = find_source(function.__code__, function.__globals__)
    if source is None:
        return _Edits(True, True), words
    nodes = list(ast.walk(source.node))
    passing = {id(first) for node in nodes if (first := _asked_of_the_first(node)) is not None}
    asked = {node.attr for node in nodes if isinstance(node, ast.Attribute) and id(node) not in passing}
    words -= {node.attr for node in nodes if isinstance(node, ast.Attribute) and id(node) in passing} - asked
    # What takes a module apart holds weights under names that say nothing.
    own = own and words.isdisjoint(_GIVING_TENSORS | _GIVING_MODULES | DYNAMIC)
    bound = _Bound(nodes, function)
    edits = _Edits()
    for node in nodes:
        if id(node) not in passing:
            edits |= _edits_in(node, bound, own)
    return edits, words


def _asked_of_the_first(node: ast.AST) -> ast.Attribute | None:
    """Give the ``model.parameters`` of ``next(model.parameters()).device``."""
    if isinstance(node, ast.Attribute) and node.attr in _OF_THE_FIRST and isinstance(node.value, ast.Call):
        call = node.value
        if (
            isinstance(call.func, ast.Name)
            and call.func.id == "next"
            and call.args[:1]
            and isinstance(call.args[0], ast.Call)
        ):
            listed = call.args[0].func
            return listed if isinstance(listed, ast.Attribute) and listed.attr in _EACH_TENSOR_ONCE else None
    return None


def _edits_in(node: ast.AST, bound: _Bound, own: bool) -> _Edits:
    if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Load):
        if own and not bound.is_own(node.value):
            return _Edits()
        if node.attr in _CASTS:
            return _Edits(modules=bound.is_module(node.value), cast=frozenset(_last_names(node.value)))
        return _by_names([node.attr])
    if isinstance(node, ast.Attribute):
        return _by_store(node, bound, own)
    if isinstance(node, ast.Subscript) and not isinstance(node.ctx, ast.Load):
        return _Edits(tensors=bound.is_own(node.value) if own else not bound.is_plain_entry(node))
    if isinstance(node, ast.AugAssign) and isinstance(node.target, ast.Name):
        return _Edits(tensors=bound.is_own(node.target) if own else not bound.is_plain(node.target.id))
    if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load) and not own:
        return _by_names([node.id])
    return _Edits(tensors=isinstance(node, ast.keyword) and node.arg == "out" and not own)


def _by_names(names: Iterable[str]) -> _Edits:
    edits = _Edits()
    for name in names:
        in_place = len(name) > 1 and name.endswith("_") and not name.endswith("__") and "grad" not in name
        modules = name in _MODULES or any(part in name for part in _IN_MODULE_NAMES)
        edits |= _Edits(in_place or name in _TENSORS, modules or name in _EACH_MODULE_ONCE, name in _EACH_TENSOR_ONCE)
    return edits


def _by_store(node: ast.Attribute, bound: _Bound, own: bool) -> _Edits:
    if own and not bound.is_own(node.value):
        return _Edits()
    if node.attr == "data":
        return _Edits(tensors=True)
    # An object that sets its own attribute is no module: of those that are, see `sharing`.
    return _Edits(modules=not bound.is_self(node.value))


def _last_names(expression: ast.expr) -> Iterator[str]:
    """Give the name of what an expression takes, before it is counted off: ``blocks`` of ``model.blocks[0]``."""
    while isinstance(expression, ast.Subscript):
        expression = expression.value
    if isinstance(expression, ast.Attribute):
        yield expression.attr
    elif isinstance(expression, ast.Name):
        yield expression.id


class _Bound:
    """What the names in a function are bound to, as far as its text says."""

    def __init__(self, nodes: list[ast.AST], function: FunctionType) -> None:
        code = function.__code__
        self._first = code.co_varnames[0] if code.co_argcount else ""
        self._values: dict[str, list[ast.expr | None]] = {}
        for node in nodes:
            for name, value in _bindings(node):
                self._values.setdefault(name, []).append(value)
        known = dict(captured(function))
        self._live = {name: known.get(name, function.__globals__.get(name)) for name in (*known, *code.co_names)}

    def is_self(self, expression: ast.expr) -> bool:
        """Tell whether an expression is the method's own object."""
        return isinstance(expression, ast.Name) and expression.id == self._first == "self"

    def is_module(self, expression: ast.expr) -> bool:
        """Tell whether an expression is a module that the function captured."""
        return isinstance(expression, ast.Name) and isinstance(self._live.get(expression.id), Module)

    def is_own(self, expression: ast.expr, depth: int = 8) -> bool:
        """Tell whether an expression is something that the first argument holds, also under another name."""
        steps = 0
        while isinstance(expression, (ast.Attribute, ast.Subscript)):
            expression, steps = expression.value, steps + 1
        if not isinstance(expression, ast.Name) or not depth:
            return False
        if expression.id == self._first:
            return steps > 0
        return any(value is not None and self.is_own(value, depth - 1) for value in self._values.get(expression.id, ()))

    def is_plain(self, name: str) -> bool:
        """Tell whether a name stands for a number, a text or a container, and for nothing else."""
        if name in self._values:
            return all(value is not None and _is_display(value) for value in self._values[name])
        return isinstance(self._live.get(name), (bool, int, float, str, dict, list, set))

    def is_plain_entry(self, node: ast.Subscript) -> bool:
        """Tell whether an entry is that of a container: a tensor has none by a text."""
        key = node.slice
        if isinstance(key, ast.JoinedStr) or (isinstance(key, ast.Constant) and isinstance(key.value, str)):
            return True
        return isinstance(node.value, ast.Name) and self.is_plain(node.value.id)


def _is_display(value: ast.expr) -> bool:
    if isinstance(value, ast.Call):
        return called_name(value) in _CONTAINERS
    return isinstance(value, _DISPLAYS)


def _bindings(node: ast.AST) -> Iterator[tuple[str, ast.expr | None]]:
    """Give the names that a node binds, each with its value where that is one expression."""
    if isinstance(node, ast.arg):
        yield node.arg, None
    elif isinstance(node, (ast.Assign, ast.AnnAssign, ast.NamedExpr)):
        for target in node.targets if isinstance(node, ast.Assign) else (node.target,):
            if isinstance(target, ast.Name):
                yield target.id, node.value
            elif isinstance(target, ast.Tuple) and isinstance(node.value, ast.Tuple):
                pairs = zip(target.elts, node.value.elts, strict=False)
                yield from ((one.id if isinstance(one, ast.Name) else "", value) for one, value in pairs)
            else:
                yield from ((name, None) for name in _named(target))
    elif isinstance(node, (ast.For, ast.AsyncFor, ast.comprehension)):
        yield from ((name, None) for name in _named(node.target))
    elif isinstance(node, ast.withitem) and node.optional_vars is not None:
        yield from ((name, None) for name in _named(node.optional_vars))


def _named(target: ast.expr) -> Iterator[str]:
    return (node.id for node in ast.walk(target) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store))
