"""Kinds: what can be named in a scenario, each declared once, beside the code that it describes.

A beamformer, a channel or a measure is a class or function that does the work, which takes long to
import, and a declaration that does not: its name, where the class is, its options with their
defaults, its label and looks in figures, what it can do and what it does not fit. Everything else
is derived from the declarations: what a scenario may say and how it is checked, ``cfisac list``,
the JSON Schema, hints, labels and styles. Declarations come from three places:

- the package's own: ``beamforming/methods.py``, ``channel/kinds.py``, ``measures.py``;
- other packages, through entry points in the group of the kind, e.g.
  ``sionna_cfisac.beamformers``. An entry point names a declaration, or of beamformers and channels
  a class or function alone, whose arguments are then its options;
- a Python file beside the scenario, ``type: ./my_method.py:MyMethod``, of the same two forms.
"""

import functools
import hashlib
import importlib
import inspect
import re
import sys
import traceback
from collections.abc import Callable, Iterable, Iterator, Mapping
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from types import ModuleType
from typing import Annotated, Any, ClassVar, Generic, NamedTuple, TypeVar, Union

from pydantic import (
    ConfigDict,
    Discriminator,
    SerializeAsAny,
    SerializerFunctionWrapHandler,
    Tag,
    ValidationError,
    ValidationInfo,
    ValidatorFunctionWrapHandler,
    WrapValidator,
    model_serializer,
    model_validator,
)
from pydantic.json_schema import GetJsonSchemaHandler
from pydantic_core import InitErrorDetails, PydanticCustomError

from sionna_cfisac.options import Options, null_is_default
from sionna_cfisac.wording import suggestion

KeyPath = tuple[str | int, ...]
"""Keys and list indices from the root of a scenario, or of a section, to a value."""

_IN_FILE = re.compile(r"(?P<file>.+\.py):(?P<name>[A-Za-z_]\w*)")


_LINE_STYLES = ("-", "--", "-.", ":", "solid", "dashed", "dashdot", "dotted")
_COLOR = re.compile(r"#[0-9A-Fa-f]{6}|#[0-9A-Fa-f]{3}|[a-z]+|tab:[a-z]+|C[0-9]")


class Look(NamedTuple):
    """Colour, marker and line style in figures, as Matplotlib names them."""

    color: str
    marker: str
    linestyle: str | tuple[int, tuple[int, ...]]


class Conflict(NamedTuple):
    """Values that do not fit each other.

    Attributes
    ----------
    path : KeyPath
        Where to report it; a kind gives it from its own entry on
    message : str
        What was expected and what was got
    inputs : tuple of KeyPath
        The other values of the scenario that it depends on
    """

    path: KeyPath
    message: str
    inputs: tuple[KeyPath, ...] = ()


class Kind(Options):
    """A declaration; the fields are options, and the bare name is short for ``{type: name}``.

    The first line of the docstring is what ``cfisac list`` shows.
    """

    model_config = ConfigDict(protected_namespaces=())

    name: ClassVar[str] = ""
    """What ``type`` says in a scenario."""
    home: ClassVar[Any] = None
    """The class or function, or where it is: ``"package.module:Class"``."""
    title: ClassVar[str] = ""
    """Readable name in figures; by default it follows from the name."""
    look: ClassVar[Look | None] = None
    """Style in figures; by default one that is free."""
    kinds: ClassVar["OptionKinds[Any]"]
    """All kinds of the same sort."""
    bare: ClassVar[bool] = False
    """Whether there is a class or function alone, whose arguments are the options."""
    parameters: ClassVar[Mapping[str, inspect.Parameter]] = {}
    """These arguments."""

    type: str

    @model_validator(mode="before")
    @classmethod
    def _expand(cls, value: Any) -> Any:
        value = {"type": value} if isinstance(value, str) else value
        if not cls.bare:
            return null_is_default(cls, value)
        # of a bare class or function nobody knows what null means to it
        if isinstance(value, dict):
            cls._bare_options(value)
        return value

    @model_serializer(mode="wrap")
    def _plain(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        if not self.bare:
            values: dict[str, Any] = handler(self)
            return values
        # its defaults are its own, and need not be values that a file can hold
        common = {name: getattr(self, name) for name in self.kinds.base.model_fields}
        given = {name: value for name, value in common.items() if value is not None}
        return given | self.arguments()

    @classmethod
    def __get_pydantic_json_schema__(
        cls, core_schema: Any, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        schema = handler.resolve_ref_schema(handler(core_schema))
        if cls.name:
            schema["properties"]["type"] = {"const": cls.name, "title": "Type", "type": "string"}
        return schema

    @classmethod
    def implementation(cls) -> Any:
        """The class or function, imported."""
        return imported(cls.home)

    def arguments(self) -> dict[str, Any]:
        """Options for the class: those that every kind of the sort has are not among them."""
        common = set(type(self).kinds.base.model_fields)
        if self.bare:
            return dict(self.model_extra or {})
        return {
            name: value
            for name, value in self.model_dump(exclude_none=True).items()
            if name not in common
        }

    @classmethod
    def from_callable(cls, name: str, target: Callable[..., Any]) -> Any:
        """A declaration whose options are the arguments of a class or function."""
        parameters = cls.option_parameters(target)
        for name_ in parameters:
            if name_ in cls.model_fields:
                raise ValueError(
                    f"expected arguments that can be options, got '{name_}', which means something "
                    "else in a scenario; rename it"
                )
        about = {
            "name": name,
            "home": staticmethod(target),
            "bare": True,
            "parameters": parameters,
            "model_config": ConfigDict(extra="allow"),
            "__module__": __name__,
            "__doc__": inspect.getdoc(target),
        }
        kind: Any = type(name, (cls,), about)
        return kind

    @classmethod
    def _bare_options(cls, given: dict[str, Any]) -> None:
        """Refuse options that are no arguments, and arguments without a value."""
        found = cls.parameters.values()
        named = [p for p in found if p.kind not in (p.VAR_KEYWORD, p.VAR_POSITIONAL)]
        errors = [
            InitErrorDetails(type="missing", loc=(p.name,), input=given)
            for p in named
            if p.default is p.empty and p.name not in given
        ]
        if not any(p.kind is p.VAR_KEYWORD for p in found):
            known = {*(p.name for p in named), *cls.model_fields}
            errors += [
                InitErrorDetails(type="extra_forbidden", loc=(name,), input=value)
                for name, value in given.items()
                if name not in known
            ]
        if errors:
            raise ValidationError.from_exception_data(cls.name, errors)

    @classmethod
    def options(cls) -> list[str]:
        """Names of all keys that an entry may have."""
        return [*cls.model_fields, *cls.parameters]

    @classmethod
    def option_parameters(cls, target: Callable[..., Any]) -> dict[str, inspect.Parameter]:
        """The arguments of a class or function that are options of the scenario."""
        return dict(inspect.signature(target).parameters)


def imported(home: Any) -> Any:
    """What ``"package.module:name"`` stands for; anything but a string stands for itself."""
    if not isinstance(home, str):
        return home
    module, _, name = home.partition(":")
    return getattr(importlib.import_module(module), name)


D = TypeVar("D")


@functools.lru_cache(maxsize=16)
def _installed(group: str, path: tuple[str, ...]) -> tuple[EntryPoint, ...]:
    """Entry points of a group; looking for them reads a file of every package on ``path``."""
    return tuple(sorted(entry_points(group=group), key=lambda entry: entry.name))


class Kinds(Generic[D]):
    """All declarations of one sort: the package's own, of plug-ins, and in files.

    Parameters
    ----------
    noun : str
        What they are called in messages
    group : str
        Group of the entry points of plug-ins
    own : iterable of declarations
        The package's own, in the order of ``cfisac list``
    accept : callable
        ``(name, object) -> declaration`` of what a plug-in or a file holds; raises ``ValueError``
    """

    def __init__(
        self, noun: str, group: str, own: Iterable[D], accept: Callable[[str, Any], D]
    ) -> None:
        self.noun = noun
        self.group = group
        self.own: dict[str, D] = {kind.name: kind for kind in own}  # type: ignore[attr-defined]
        self._accept = accept
        self._loaded: dict[str, D] = {}
        self._checksums: dict[D, str] = {}
        self._found: dict[tuple[str, str], D] = {}

    def checksum(self, kind: D) -> str | None:
        """SHA-256 of the code that a declaration in a file was made by, None of any other."""
        return self._checksums.get(kind)

    def plugins(self) -> dict[str, EntryPoint]:
        """Entry points by name, without the package's own names; the first installed wins."""
        found: dict[str, EntryPoint] = {}
        for entry in _installed(self.group, tuple(sys.path)):
            if entry.name not in self.own:
                found.setdefault(entry.name, entry)
        return found

    def names(self) -> list[str]:
        """Every name that a scenario may use, plug-ins last."""
        return [*self.own, *self.plugins()]

    def is_external(self, name: Any) -> bool:
        """Whether a name stands for a plug-in or a file."""
        return isinstance(name, str) and (in_file(name) or name in self.plugins())

    def find(self, name: str, folder: Path | None = None) -> D:
        """The declaration of a name; that of a plug-in or file is imported.

        Parameters
        ----------
        name : str
            Name, or ``FILE.py:NAME``
        folder : Path or None
            What the file is relative to; the working directory by default

        Raises
        ------
        ValueError
            If there is none, or it cannot be imported, or is no declaration
        """
        if name in self.own:
            return self.own[name]
        match = _IN_FILE.fullmatch(name)
        if match:
            module, checksum = _module_of((folder or Path()) / match["file"])
            place = (module.__name__, match["name"])
            if place not in self._found:
                target = _object_in(module, match["name"])
                self._found[place] = self._accepted(match["name"], name, target)
                self._checksums[self._found[place]] = checksum
            found = self._found[place]
        else:
            entry = self.plugins().get(name)
            if entry is None:
                raise ValueError(f"unknown {self.noun} '{name}'")
            try:
                target = entry.load()
            except Exception as error:
                # whatever somebody else's module raises at import is the reason to show
                raise ValueError(
                    f"plug-in '{name}' ({entry.value}) cannot be imported: "
                    f"{type(error).__name__}: {error}"
                ) from error
            what = f"plug-in '{name}' ({entry.value})"
            if (name, entry.value) not in self._found:
                self._found[name, entry.value] = self._accepted(name, what, target)
            found = self._found[name, entry.value]
        # tables know it by the one name, the scenario by the other
        self._loaded |= {found.name: found, name: found}  # type: ignore[attr-defined]
        return found

    def known(self, name: str) -> D | None:
        """The declaration of a name if nothing has to be imported for it, else None."""
        return self.own.get(name) or self._loaded.get(name)

    def _accepted(self, name: str, what: str, target: Any) -> D:
        try:
            found = self._accept(name, target)
        except ValueError as error:
            raise ValueError(f"{what}: {error}") from None
        if found.name in self.reserved():  # type: ignore[attr-defined]
            raise ValueError(
                f"{what}: its name '{found.name}' is one of the package's own; "  # type: ignore[attr-defined]
                "choose another"
            )
        return found

    def reserved(self) -> set[str]:
        """Names that a declaration from elsewhere may not have."""
        return set(self.own)


K = TypeVar("K", bound=Kind)


class OptionKinds(Kinds[type[K]]):
    """Kinds with options: each declaration is a subclass of ``base``.

    Parameters
    ----------
    noun, group, own
        As in :class:`Kinds`
    base : type
        What all declarations derive from
    """

    def __init__(self, noun: str, group: str, base: type[K], own: Iterable[type[K]]) -> None:
        super().__init__(noun, group, own, self._declaration)
        self.base = base
        base.kinds = self

    def field(self) -> Any:
        """The type of a field that holds any of these kinds."""
        own: list[Any] = [Annotated[kind, Tag(f"<{name}>")] for name, kind in self.own.items()]
        validator = WrapValidator(self._external)
        # the options of a declaration from elsewhere are not those of the base
        external: Any = Annotated[self.base, SerializeAsAny(), validator, Tag("<plugin>")]
        return Annotated[Union[(*own, external)], Discriminator(self._tag)]

    def _tag(self, value: Any) -> str:
        name = type_of(value)
        known = isinstance(name, str) and name in self.own
        return "<plugin>" if not known and self.is_external(name) else f"<{name}>"

    def _external(
        self, value: Any, handler: ValidatorFunctionWrapHandler, info: ValidationInfo
    ) -> K:
        if isinstance(value, self.base):
            return value
        context, name = info.context or {}, type_of(value)
        if context.get("lenient") and in_file(name):
            return self._stand_in(name, context.get("known", {})).model_validate(value)
        try:
            kind = self.find(name, context.get("folder"))
        except ValueError as error:
            if context.get("lenient"):
                return self._stand_in(name, context.get("known", {})).model_validate(value)
            raise ValidationError.from_exception_data(
                self.noun,
                [
                    InitErrorDetails(
                        type=PydanticCustomError("kind", "{reason}", {"reason": str(error)}),
                        loc=("type",) if isinstance(value, dict) else (),
                        input=value,
                    )
                ],
            ) from None
        return kind.model_validate(value, context=info.context)

    def _stand_in(self, name: str, known: Mapping[str, Mapping[str, Any]]) -> type[K]:
        """A declaration without the code, from what was noted of it; nothing is run."""
        about = dict(known.get(name, {}))
        about.setdefault("name", name.rpartition(":")[2])
        if about.get("look") is not None:
            about["look"] = Look(*about["look"])
        kind: Any = type(
            about["name"],
            (self.base,),
            {
                **{key: value for key, value in about.items() if hasattr(self.base, key)},
                "model_config": ConfigDict(extra="allow"),
                "__module__": __name__,
            },
        )
        self._loaded.setdefault(about["name"], kind)
        made: type[K] = kind
        return made

    def _declaration(self, name: str, target: Any) -> type[K]:
        if inspect.isclass(target) and issubclass(target, Kind):
            if not issubclass(target, self.base):
                raise ValueError(
                    f"expected a {self.base.__name__}, got the {target.__mro__[1].__name__} "
                    f"'{target.__name__}'"
                )
            _check_home(target)
            return (
                target
                if target.name
                else type(
                    target.__name__,
                    (target,),
                    {"name": name, "__doc__": target.__doc__, "__module__": target.__module__},
                )
            )
        if not callable(target):
            raise ValueError("expected a class or function")
        return self.base.from_callable(name, target)


def _check_home(kind: type[Kind]) -> None:
    """Refuse a declaration whose class cannot be found, before anything is run."""
    home = kind.home
    if isinstance(home, str):
        try:
            home = imported(home)
        except Exception as error:
            # whatever somebody else's module raises at import is the reason to show
            raise ValueError(
                f"home '{home}' cannot be imported: {type(error).__name__}: {error}"
            ) from error
    if not callable(home):
        raise ValueError(
            f"home: expected a class, a function or 'package.module:name', got {kind.home!r}"
        )
    if kind.look is not None:
        _check_look(kind.look)
    parameters = inspect.signature(home).parameters
    if "make" in vars(kind) or any(p.kind is p.VAR_KEYWORD for p in parameters.values()):
        return
    known = list(kind.option_parameters(home))
    for name in kind.model_fields:
        if name not in known and name not in kind.kinds.base.model_fields:
            raise ValueError(
                f"option '{name}': expected an argument of {home.__name__}{suggestion(name, known)}"
            )


def _check_look(look: Look) -> None:
    """Refuse a style that Matplotlib would refuse after the run."""
    if look.linestyle not in _LINE_STYLES and not isinstance(look.linestyle, tuple):
        raise ValueError(
            f"look: expected a line style of {', '.join(_LINE_STYLES)}, got {look.linestyle!r}"
        )
    if not isinstance(look.color, str) or not _COLOR.fullmatch(look.color):
        raise ValueError(f"look: expected a colour like #0072B2 or its name, got {look.color!r}")


def type_of(value: Any) -> Any:
    """The type that a section names, in either form."""
    if isinstance(value, dict):
        return value.get("type")
    return value if isinstance(value, str) else getattr(value, "type", None)


def name_of(kind: Kind) -> str:
    """The name of a kind in tables: of one in a file, the name without the file."""
    return type(kind).name or kind.type


def in_file(name: str) -> bool:
    """Whether a name stands for an object in a Python file."""
    return _IN_FILE.fullmatch(name) is not None


def declared(module: dict[str, Any], base: type[K]) -> Iterator[type[K]]:
    """The declarations in a module, in the order in which they stand there."""
    for value in list(module.values()):
        if inspect.isclass(value) and issubclass(value, base) and "name" in vars(value):
            yield value


_FAILED: dict[str, str] = {}
"""Modules that could not be made, and why; what failed once is not run again."""


def _module_of(file: Path) -> tuple[ModuleType, str]:
    """The module that a Python file makes, and the SHA-256 of the code that made it."""
    try:
        code = file.read_bytes()
    except OSError as error:
        raise ValueError(f"{file}: cannot be read: {error.strerror or error}") from None
    checksum = hashlib.sha256(code).hexdigest()
    # the same file is run once; a changed one is another module
    place = hashlib.sha256(str(file.resolve()).encode()).hexdigest()
    name = f"_cfisac_{place[:16]}_{checksum[:16]}"
    if name in _FAILED:
        raise ValueError(_FAILED[name])
    if name not in sys.modules:
        print(f"running the code of {file}", file=sys.stderr)
        module = ModuleType(name)
        module.__file__ = str(file)
        sys.modules[name] = module
        try:
            exec(compile(code, str(file), "exec"), module.__dict__)
        except BaseException as error:
            del sys.modules[name]
            if not isinstance(error, Exception | SystemExit):
                raise
            # whatever somebody's file raises at import is the reason to show
            where = [f.lineno for f in traceback.extract_tb(error.__traceback__)
                     if f.filename == str(file)]  # fmt: skip
            line = error.lineno if isinstance(error, SyntaxError) else (where or [None])[-1]
            _FAILED[name] = (
                f"{file}{'' if line is None else f':{line}'} cannot be imported: "
                f"{type(error).__name__}: {error}"
            )
            raise ValueError(_FAILED[name]) from error
    return sys.modules[name], checksum


def _object_in(module: ModuleType, name: str) -> Any:
    try:
        return getattr(module, name)
    except AttributeError:
        raise ValueError(f"{module.__file__} has no '{name}'") from None
