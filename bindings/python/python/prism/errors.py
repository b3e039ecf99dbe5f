"""Everything that Prism raises: one class for each code of its one list of errors.

Each class is a :class:`PrismError` and also the builtin exception that it resembles, so ``except FileNotFoundError``
and ``except prism.FileMissing`` both work. The codes are the same in Rust, in C and at the command line, where
``prism explain CODE`` says more.

>>> import prism
>>> try:
...     prism.Key.load("nowhere.key")
... except FileNotFoundError as error:
...     error.code
'file.missing'
"""

from __future__ import annotations

from typing import TypeVar

from ._faults import PrismError, of_code, register

__all__ = ["DeadlinePassed", "PrismError", "of_code"]

_E = TypeVar("_E", bound=PrismError)


def _class(kind: type[_E]) -> type[_E]:
    __all__.append(kind.__name__)
    return register(kind)


@_class
class Usage(PrismError, ValueError):
    """An argument or option is wrong."""

    code = "usage"


@_class
class FileMalformed(PrismError, ValueError):
    """A file is not what its place asks for."""

    code = "file.malformed"


@_class
class FileMissing(PrismError, FileNotFoundError):
    """A file or directory does not exist."""

    code = "file.missing"


@_class
class FileExists(PrismError, FileExistsError):
    """A file exists already and is never overwritten."""

    code = "file.exists"


@_class
class FileIo(PrismError, OSError):
    """A file could not be read or written."""

    code = "file.io"


@_class
class FileChanged(PrismError, OSError):
    """A file changed while it was read or sent."""

    code = "file.changed"


@_class
class KeyMalformed(PrismError, ValueError):
    """A key file or key text is malformed or of a kind that is not accepted."""

    code = "key.malformed"


@_class
class KeyExposed(PrismError, PermissionError):
    """A private key file can be read by others."""

    code = "key.exposed"


@_class
class KeyUnknown(PrismError, PermissionError):
    """The key is not one that the manifest names."""

    code = "key.unknown"


@_class
class SignatureInvalid(PrismError, ValueError):
    """A signature does not hold."""

    code = "signature.invalid"


@_class
class EnvelopeMalformed(PrismError, ValueError):
    """An envelope is malformed or of another type."""

    code = "envelope.malformed"


@_class
class ManifestMalformed(PrismError, ValueError):
    """A manifest is malformed or contradicts itself."""

    code = "manifest.malformed"


@_class
class ApprovalMissing(PrismError, PermissionError):
    """A participant has not approved these bytes."""

    code = "manifest.approval-missing"


@_class
class ApprovalInvalid(PrismError, ValueError):
    """An approval is by an unnamed key, of other bytes, or altered."""

    code = "manifest.approval-invalid"


@_class
class ManifestNotCurrent(PrismError, ValueError):
    """The manifest is not valid yet or no longer."""

    code = "manifest.not-current"


@_class
class ManifestUnsupported(PrismError, ValueError):
    """The manifest has terms that this agent cannot keep."""

    code = "manifest.unsupported"


@_class
class PolicyMalformed(PrismError, ValueError):
    """A policy file is malformed, or leaves something out."""

    code = "policy.malformed"


@_class
class PolicyUnconfirmed(PrismError, ValueError):
    """A drafted policy that nobody has confirmed yet."""

    code = "policy.unconfirmed"


@_class
class ArchiveUnsafe(PrismError, ValueError):
    """An archive is unsafe or malformed."""

    code = "archive.unsafe"


@_class
class ArchiveTooLarge(PrismError, ValueError):
    """An archive exceeds a bound on size, count or ratio."""

    code = "archive.too-large"


@_class
class EvidenceRefused(PrismError, PermissionError):
    """Evidence does not hold: see the findings."""

    code = "evidence.refused"


@_class
class PlatformUnsupported(PrismError, PermissionError):
    """The platform is unknown here, not built in, or not one that the manifest names."""

    code = "platform.unsupported"


@_class
class EndorsementsMissing(PrismError, LookupError):
    """Endorsements are missing that this evidence needs."""

    code = "endorsements.missing"


@_class
class EndorsementsNotCurrent(PrismError, PermissionError):
    """An endorsement is not valid yet or no longer."""

    code = "endorsements.not-current"


@_class
class EndorsementsRolledBack(PrismError, PermissionError):
    """A revocation list or judgement is older than one seen before."""

    code = "endorsements.rolled-back"


@_class
class EndorsementsUnsigned(PrismError, PermissionError):
    """An endorsement that the vendor did not sign."""

    code = "endorsements.unsigned"


@_class
class VendorUnreachable(PrismError, ConnectionError):
    """The vendor's service cannot be reached or is busy."""

    code = "vendor.unreachable"


@_class
class VendorMisbehaved(PrismError, PermissionError):
    """The vendor's service says something that cannot be an endorsement."""

    code = "vendor.misbehaved"


@_class
class AgentUnreachable(PrismError, ConnectionError):
    """The agent cannot be reached."""

    code = "agent.unreachable"


@_class
class AgentBusy(PrismError, ConnectionError):
    """The agent or an asset is busy with another connection."""

    code = "agent.busy"


@_class
class AgentFull(PrismError, OSError):
    """The agent's disk has too little room for an asset."""

    code = "agent.full"


@_class
class AgentMisbehaved(PrismError, PermissionError):
    """The agent says something that the protocol does not allow."""

    code = "agent.misbehaved"


@_class
class ConnectionLost(PrismError, ConnectionError):
    """The connection broke."""

    code = "connection.lost"


@_class
class AuthRequired(PrismError, PermissionError):
    """The call needs an authenticated participant."""

    code = "auth.required"


@_class
class AuthRefused(PrismError, PermissionError):
    """The authentication does not fit this connection, agent, computation or name."""

    code = "auth.refused"


@_class
class RoleRefused(PrismError, PermissionError):
    """The participant's role does not allow the call."""

    code = "role.refused"


@_class
class AssetUnknown(PrismError, LookupError):
    """The asset is not named by the manifest."""

    code = "asset.unknown"


@_class
class AssetWrongProvider(PrismError, PermissionError):
    """Another participant provides this asset."""

    code = "asset.wrong-provider"


@_class
class AssetMismatch(PrismError, ValueError):
    """The asset's size or digest differs from the manifest's."""

    code = "asset.mismatch"


@_class
class AssetDuplicate(PrismError, RuntimeError):
    """The asset has been accepted already."""

    code = "asset.duplicate"


@_class
class AssetOtherWay(PrismError, PermissionError):
    """The asset comes another way: it is sent by its provider, or fetched by the agent."""

    code = "asset.other-way"


@_class
class SourceUnreachable(PrismError, ConnectionError):
    """An object store cannot be reached, or breaks off again and again."""

    code = "source.unreachable"


@_class
class SourceRefused(PrismError, PermissionError):
    """An object store does not give the object, or the agent may not ask it."""

    code = "source.refused"


@_class
class BrokerUnreachable(PrismError, ConnectionError):
    """A key broker cannot be reached."""

    code = "broker.unreachable"


@_class
class BrokerRefused(PrismError, PermissionError):
    """A key broker does not release the key, or the agent may not ask it."""

    code = "broker.refused"


@_class
class BrokerMisbehaved(PrismError, PermissionError):
    """A key broker says something that the protocol does not allow, or gives a key that is for something else."""

    code = "broker.misbehaved"


@_class
class StateRefused(PrismError, RuntimeError):
    """The call is not allowed in the run's present state."""

    code = "state.refused"


@_class
class RunFailed(PrismError, RuntimeError):
    """The run failed: exit status, limit or sandbox."""

    code = "run.failed"


@_class
class RunStopped(PrismError, RuntimeError):
    """The run was stopped."""

    code = "run.stopped"


@_class
class SandboxUnavailable(PrismError, RuntimeError):
    """A sandbox layer that the manifest demands is not available."""

    code = "sandbox.unavailable"


@_class
class RequirementsFailed(PrismError, RuntimeError):
    """The requirements could not be installed."""

    code = "requirements.failed"


@_class
class EnvironmentChanged(PrismError, RuntimeError):
    """An environment that the agent kept is not what was installed, or others may write to it."""

    code = "environment.changed"


@_class
class ResultNotReady(PrismError, TimeoutError):
    """There is no result yet."""

    code = "result.not-ready"


@_class
class ResultReleased(PrismError, RuntimeError):
    """The result key went to another recipient already."""

    code = "result.released"


@_class
class ResultGone(PrismError, LookupError):
    """The result was confirmed by its consumer and destroyed."""

    code = "result.gone"


@_class
class SealBroken(PrismError, ValueError):
    """A sealed file is malformed, truncated or altered."""

    code = "seal.broken"


@_class
class SealUnsupported(PrismError, ValueError):
    """A sealed file is of a form that Prism does not open, though `age` may."""

    code = "seal.unsupported"


@_class
class SealNotForYou(PrismError, PermissionError):
    """A sealed file is for other recipients."""

    code = "seal.not-for-you"


@_class
class LogInvalid(PrismError, ValueError):
    """A log, proof or checkpoint does not hold."""

    code = "log.invalid"


@_class
class LogForked(PrismError, ValueError):
    """Two checkpoints of one log contradict each other."""

    code = "log.forked"


@_class
class AuditFailed(PrismError, ValueError):
    """A transcript breaks a rule: see the findings."""

    code = "audit.failed"


@_class
class LimitReached(PrismError, RuntimeError):
    """A bound that the configuration sets was reached."""

    code = "limit.reached"


@_class
class MemberUnknown(PrismError, PermissionError):
    """The key, or its organisation, is no member of the workspace."""

    code = "member.unknown"


@_class
class KeyRevoked(PrismError, PermissionError):
    """The key was revoked."""

    code = "key.revoked"


@_class
class WorkspaceClosed(PrismError, PermissionError):
    """The workspace is disabled or deleted."""

    code = "workspace.closed"


@_class
class WorkspaceUnknown(PrismError, LookupError):
    """The workspace has nothing of that name."""

    code = "workspace.unknown"


@_class
class WorkspaceConflict(PrismError, RuntimeError):
    """The request does not fit what the workspace is now."""

    code = "workspace.conflict"


@_class
class RequestReplayed(PrismError, PermissionError):
    """A request whose number was used already."""

    code = "request.replayed"


@_class
class RequestStale(PrismError, PermissionError):
    """A request that was signed at another time."""

    code = "request.stale"


@_class
class AdministratorLast(PrismError, RuntimeError):
    """It would leave nobody who administers, or an organisation without a key."""

    code = "administrator.last"


@_class
class RunNotReady(PrismError, RuntimeError):
    """Something is missing before the computation can run."""

    code = "run.not-ready"


@_class
class PlanExceeded(PrismError, RuntimeError):
    """A bound of the plan or of the workspace was reached."""

    code = "plan.exceeded"


@_class
class HistoryInvalid(PrismError, ValueError):
    """A workspace's history does not hold."""

    code = "history.invalid"


@_class
class HistoryForked(PrismError, ValueError):
    """A workspace's history is another or shorter than one seen before."""

    code = "history.forked"


@_class
class Cancelled(PrismError, RuntimeError):
    """The caller cancelled."""

    code = "cancelled"


class DeadlinePassed(Cancelled, TimeoutError):
    """The time is over that the caller gave with ``timeout=``; nothing is lost, the same call goes on."""


@_class
class Internal(PrismError, RuntimeError):
    """A fault of Prism itself."""

    code = "internal"
