"""Manifests: what was agreed. Everybody reads the same bytes and signs them."""

from __future__ import annotations

import json
import time
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

from . import _prism
from ._files import place, read, write_new
from ._words import SIMULATED, need, safe, short, size
from .assets import Asset
from .errors import (
    ApprovalMissing,
    AssetMismatch,
    AssetUnknown,
    AssetWrongProvider,
    FileMalformed,
    Usage,
)
from .keys import Key

if TYPE_CHECKING:
    from .rehearsals import Readiness

__all__ = ["Approval", "Difference", "Manifest"]

# The longest file of terms that is read, in bytes.
_MOST = 16 << 20


class Approval:
    """One participant's signature on a manifest's exact bytes: a DSSE envelope.

    >>> approval = terms.approve(hospital)
    >>> approval
    Approval of manifest sha256:...
    >>> approval.content[:1]
    b'{'
    """

    def __init__(self, content: bytes) -> None:
        if not isinstance(content, bytes):
            raise Usage(f"expected an approval's bytes, found {type(content).__name__}", hint="Approval.read(path)")
        self.content = content
        """The envelope's bytes."""

    @classmethod
    def read(cls, path: str | PathLike[str]) -> Approval:
        """Reads an approval from a file; whose it is and of what shows when it is assembled.

        Raises:
            FileMissing: There is no such file.

        >>> path = terms.approve(hospital).save(folder / "hospital-1.approval")
        >>> prism.Approval.read(path)
        Approval of manifest sha256:...
        """
        return cls(read(path, "an approval", _MOST))

    def save(self, path: str | PathLike[str]) -> Path:
        """Writes a new file; one with the very same bytes is left as it is.

        Raises:
            FileExists: Something else is there already.

        >>> terms.approve(lab).save(folder / "lab.approval").name
        'lab.approval'
        """
        return write_new(path, self.content)

    def __repr__(self) -> str:
        return f"Approval of manifest {short(_prism.Terms.read(self.content).digest())}"


@dataclass(frozen=True)
class Difference:
    """One field in which two manifests differ, as :meth:`Manifest.diff` lists it.

    >>> found = prism.Difference("limits.memory_bytes", 1 << 30, 2 << 30)
    >>> found.field, found.new // found.old
    ('limits.memory_bytes', 2)
    """

    field: str
    """Where, for example ``"datasets.h1.zip.digest"``."""
    old: Any
    """What the first says; ``None`` if it has no such field."""
    new: Any
    """What the second says."""


class Manifest:
    """The terms of one computation: who brings what, which program runs on which machines, and who receives the result.

    >>> terms = prism.Manifest.read(folder / "covid19.prism")
    >>> terms.is_signed
    True
    >>> terms.participants
    ['hospital-1', 'lab']
    """

    def __init__(self, native: _prism.Terms, signed: _prism.SignedManifest | None = None) -> None:
        need(native, _prism.Terms, "prism.Manifest.read(path) reads a manifest, prism.Manifest.new(draft) writes one")
        self._native = native
        self._signed = signed
        self.data: dict[str, Any] = json.loads(native.json())
        """Everything that the manifest says, as it stands in its bytes."""

    @classmethod
    def new(cls, draft: str | PathLike[str] | Mapping[str, Any], folder: str | PathLike[str] | None = None) -> Manifest:
        """Writes a manifest from the short form that people write: digests, sizes, keys and a salt are filled in.

        Args:
            draft: A TOML file, or its content as a mapping, as in the example below.
            folder: Where relative paths start: by default at the file's own folder.

        Raises:
            FileMissing: A file that the draft names is not there.
            ManifestMalformed: The draft is incomplete or contradicts itself.

        >>> keys = {name: prism.Key.create(folder / f"{name}.key") for name in ("lab", "hospital-1")}
        >>> _ = (folder / "train.py").write_text("print(open('datasets/h1.csv').read())")
        >>> _ = (folder / "h1.csv").write_text("age,label\\n61,1\\n")
        >>> draft = {
        ...     "title": "First model",
        ...     "owner": "lab",
        ...     "valid": "7d",
        ...     "platform": {"simulated": True},
        ...     "participants": {name: {"organisation": name, "key": f"{name}.pub"} for name in keys},
        ...     "algorithm": {"provider": "lab", "file": "train.py"},
        ...     "dataset": [{"provider": "hospital-1", "file": "h1.csv"}],
        ...     "results": {"consumers": ["lab"], "max": "1 MiB"},
        ... }
        >>> new = prism.Manifest.new(draft, folder)
        >>> sorted(new.assets), new.is_signed
        (['h1.csv', 'train.py'], False)
        """
        if isinstance(draft, Mapping):
            content, base = dict(draft), place(folder) if folder is not None else Path()
        else:
            base = place(folder) if folder is not None else place(draft).parent
            try:
                content = tomllib.loads(read(draft, "a draft of terms", _MOST).decode())
            except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
                raise FileMalformed(f"{safe(str(draft))}: expected TOML, found: {safe(str(error))}") from None
        try:
            written = json.dumps(content, allow_nan=False)
        except (TypeError, ValueError, RecursionError) as error:
            raise Usage(f"expected a draft of texts, numbers, lists and mappings, found: {safe(str(error))}") from None
        state = _prism.state_directory()
        return cls(_prism.Terms.complete(written, base, state, int(time.time())))

    @classmethod
    def read(cls, source: str | PathLike[str] | bytes) -> Manifest:
        """Reads a manifest, with whatever approvals are beside it, from a file or from bytes.

        Raises:
            FileMissing: There is no such file.
            ManifestMalformed: It is no manifest, or contradicts itself.

        >>> prism.Manifest.read(folder / "covid19.prism").approved_by
        ['hospital-1', 'lab']
        """
        content = source if isinstance(source, bytes) else read(source, "a manifest", _MOST)
        native = _prism.Terms.read(content)
        try:
            signed = _prism.SignedManifest.read(content)
        except ApprovalMissing:
            signed = None
        return cls(native, signed)

    @property
    def digest(self) -> str:
        """The SHA-256 of the exact bytes: the computation's name.

        >>> terms.digest
        'sha256:...'
        """
        return self._native.digest()

    @property
    def content(self) -> bytes:
        """The exact bytes that participants approve.

        >>> json.loads(terms.content)["title"]
        'Count the rows'
        """
        return self._native.content()

    @property
    def title(self) -> str:
        """What the computation is called.

        >>> terms.title
        'Count the rows'
        """
        return str(self.data["title"])

    @property
    def participants(self) -> list[str]:
        """Everybody's name, sorted.

        >>> terms.participants
        ['hospital-1', 'lab']
        """
        return sorted(str(participant["name"]) for participant in self.data["participants"])

    @property
    def approved_by(self) -> list[str]:
        """Participants whose approval is beside the terms and holds.

        >>> terms.approved_by
        ['hospital-1', 'lab']
        """
        return self._native.approved_by()

    @property
    def is_signed(self) -> bool:
        """Whether every participant approved: only then does an agent take it.

        >>> terms.is_signed
        True
        """
        return self._signed is not None

    @property
    def is_simulated(self) -> bool:
        """Whether the terms accept a machine that nothing protects.

        >>> terms.is_simulated
        True
        """
        return self._native.simulated()

    def show(self) -> str:
        """Everything that you would approve, in plain words: print it and read it before you sign.

        >>> terms = prism.Manifest.read(folder / "covid19.prism")
        >>> print(terms.show().splitlines()[0])
        Count the rows
        """
        return self._native.words()

    def diff(self, other: Manifest) -> list[Difference]:
        """The fields in which another manifest differs from this one, in this one's order; empty if they are equal.

        >>> terms = prism.Manifest.read(folder / "covid19.prism")
        >>> terms.diff(terms)
        []
        """
        need(other, Manifest, "read it with prism.Manifest.read(path)")
        found = json.loads(self._native.differences(other._native))
        return [Difference(one["field"], one["old"], one["new"]) for one in found]

    def approve(self, key: Key) -> Approval:
        """Signs the exact bytes. Read what they say first: :meth:`show` says it in plain words.

        Raises:
            KeyUnknown: The manifest names no participant with this key.

        >>> terms.approve(hospital).save(folder / "hospital-1.approval").exists()
        True
        """
        need(key, Key, "read it with prism.Key.load(path)")
        return Approval(self._native.approve(key._native))

    def assemble(self, approvals: Iterable[Approval]) -> Manifest:
        """Puts everybody's approvals together.

        Raises:
            ApprovalMissing: Somebody's is missing; the message names them.
            ApprovalInvalid: One does not hold, or is of other bytes.

        >>> terms.assemble([terms.approve(lab), terms.approve(hospital)]).is_signed
        True
        >>> terms.assemble([terms.approve(lab)])
        Traceback (most recent call last):
        prism.errors.ApprovalMissing: ...
        """
        need(approvals, Iterable, "give a list: terms.assemble([approval, ...])")
        given = list(approvals)
        for approval in given:
            need(approval, Approval, "read it with prism.Approval.read(path)")
        signed = self._native.assemble([approval.content for approval in given])
        return Manifest(signed.terms(), signed)

    def save(self, path: str | PathLike[str]) -> Path:
        """Writes a new file: the signed manifest, or the bare one while approvals are missing. One with the
        very same bytes is left as it is.

        Raises:
            FileExists: Something else is there already.

        >>> prism.Manifest.read(terms.save(folder / "again.prism")) == terms
        True
        """
        return write_new(path, self._signed.envelope() if self._signed else self.content)

    def participant_of(self, key: Key) -> str:
        """Whose key this is.

        Raises:
            KeyUnknown: The manifest names nobody with this key.

        >>> terms.participant_of(hospital)
        'hospital-1'
        """
        need(key, Key, "read it with prism.Key.load(path)")
        return self._native.participant_of(key._native)

    def rehearse(
        self,
        key: Key,
        assets: Mapping[str, Asset | str | PathLike[str]] | None = None,
        salts: Mapping[str, str] | None = None,
        /,
        **named: Asset | str | PathLike[str],
    ) -> Readiness:
        """Checks everything that can be checked here, before anything is sent.

        Args:
            key: Whose key it is.
            assets: What they would bring, by the manifest's names: assets, or paths of files and folders.
            salts: The salt, in 64 hex digits, of each asset whose digest in the manifest is salted.
            named: The same as ``assets``, for names that Python can write: ``terms.rehearse(key, h1="data/h1")``.

        Returns:
            Who is ready with what.

        Raises:
            KeyUnknown: The manifest names nobody with this key.
            AssetUnknown: The manifest names no such asset.
            AssetWrongProvider: Somebody else brings it.
            AssetMismatch: The bytes are not those that were agreed, or the salt is another.
            Usage: A salt is malformed, missing where the digest is salted, or given where it is not.

        >>> terms = prism.Manifest.read(folder / "covid19.prism")
        >>> terms.rehearse(prism.Key.generate())
        Traceback (most recent call last):
        prism.errors.KeyUnknown: ...
        """
        from .rehearsals import Readiness

        who, salts = self.participant_of(key), dict(salts or {})
        brought = {**(assets or {}), **named}
        for name, asset in brought.items():
            self._require(
                who, name, asset if isinstance(asset, Asset) else Asset.from_path(asset), salts.pop(name, None)
            )
        if salts:
            raise Usage(
                f"expected salts of assets that are rehearsed, found one of {safe(min(salts))}",
                hint="give the asset, too",
            )
        return Readiness(who, tuple(sorted(brought)), self.is_simulated)

    def _require(self, who: str, name: str, asset: Asset, salt: str | None) -> None:
        terms = self.assets.get(name)
        if terms is None:
            known = ", ".join(sorted(self.assets))
            raise AssetUnknown(f"expected an asset that the manifest names, found {safe(name)}; it names {known}")
        if terms["provider"] != who:
            raise AssetWrongProvider(
                f"expected {terms['provider']} to bring {name}, found {who}; only its provider may"
            )
        algorithm = terms["digest"].partition(":")[0]
        found, _ = asset._native.measure(None, algorithm, salt)
        if found != terms["digest"]:
            raise AssetMismatch(
                f"expected {name} with digest {terms['digest']}, found {found}; nothing was sent",
                hint="give the file that was agreed" + (", and the salt that it was digested with" if salt else ""),
            )

    @property
    def assets(self) -> dict[str, dict[str, Any]]:
        """What participants bring, by name: its kind, provider, digest and size in bytes.

        >>> sorted(terms.assets["h1.csv"])
        ['digest', 'kind', 'provider', 'size']
        """
        return {
            name: {"kind": kind, "provider": provider, "digest": digest, "size": size}
            for kind, name, provider, digest, size in self._native.assets()
        }

    def _repr_html_(self) -> str:
        return self._native.card()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Manifest) and self.content == other.content

    def __hash__(self) -> int:
        return hash(self.content)

    def __repr__(self) -> str:
        approved = len(self.approved_by)
        lines = [f"{SIMULATED}"] if self.is_simulated else []
        lines.append(f"{safe(self.title)}  {self.digest}")
        for name, part in self.assets.items():
            lines.append(f"  {part['provider']} brings {name}, {size(part['size'])}, {short(part['digest'])}")
        consumers = ", ".join(consumer for consumer in self.data["results"]["consumers"])
        lines.append(f"  the result goes to {consumers}")
        lines.append(f"  approved by {approved} of {len(self.participants)}")
        return "\n".join(lines)
