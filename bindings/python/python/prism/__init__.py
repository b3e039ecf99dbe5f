"""Prism: train together, show nobody.

Several organisations train one model on data that none of them may see. A confidential machine is looked at before
anything is sent to it, and afterwards anyone can check what ran.

A first success, without any hardware:

    import prism
    done = prism.simulate(prism.samples.covid19)
    done.result.json("metrics.json")

Your part in a real one:

    key = prism.Key.load("hospital-1.key")
    terms = prism.Manifest.read("covid19.prism")
    agent = prism.connect("agent.example:6110", terms, key)   # refuses unless every finding is good
    agent.upload("h1.zip", "h1.zip")
    agent.watch(until="delivering")

Every public name has an example, and the tests run them all. In the examples ``folder`` is a scratch folder with a few
small files; ``lab`` and ``hospital`` are private keys; ``terms`` is a manifest that both approved (:meth:`Manifest.new`
shows one being made); ``room`` is an agent that is served in this process, and ``agent`` the connection to it as the
lab; ``finished`` is the same when the program has run; ``result`` is a result; ``done`` is a finished simulation.

There is no telemetry. Log records go to the logger ``prism`` of the standard library.
"""

import logging as _logging
import sys as _sys

if _sys.version_info < (3, 11):  # noqa: UP036 - said before the native module fails in its own words
    raise ImportError("prism needs Python 3.11 or later, found " + _sys.version.split()[0])

from . import aio, attest, samples, seal
from ._prism import __version__
from ._progress import Progress
from .agents import Agent, Entry, Figures, Receipt, Status, Stream, connect
from .algorithms import Algorithm
from .assets import Asset
from .audits import AuditReport, RuleFinding, audit
from .errors import (
    AdministratorLast,
    AgentBusy,
    AgentFull,
    AgentMisbehaved,
    AgentUnreachable,
    ApprovalInvalid,
    ApprovalMissing,
    ArchiveTooLarge,
    ArchiveUnsafe,
    AssetDuplicate,
    AssetMismatch,
    AssetOtherWay,
    AssetUnknown,
    AssetWrongProvider,
    AuditFailed,
    AuthRefused,
    AuthRequired,
    BrokerMisbehaved,
    BrokerRefused,
    BrokerUnreachable,
    Cancelled,
    ConnectionLost,
    DeadlinePassed,
    EndorsementsMissing,
    EndorsementsNotCurrent,
    EndorsementsRolledBack,
    EndorsementsUnsigned,
    EnvelopeMalformed,
    EnvironmentChanged,
    EvidenceRefused,
    FileChanged,
    FileExists,
    FileIo,
    FileMalformed,
    FileMissing,
    HistoryForked,
    HistoryInvalid,
    Internal,
    KeyExposed,
    KeyMalformed,
    KeyRevoked,
    KeyUnknown,
    LimitReached,
    LogForked,
    LogInvalid,
    ManifestMalformed,
    ManifestNotCurrent,
    ManifestUnsupported,
    MemberUnknown,
    PlanExceeded,
    PlatformUnsupported,
    PolicyMalformed,
    PolicyUnconfirmed,
    PrismError,
    RequestReplayed,
    RequestStale,
    RequirementsFailed,
    ResultGone,
    ResultNotReady,
    ResultReleased,
    RoleRefused,
    RunFailed,
    RunNotReady,
    RunStopped,
    SandboxUnavailable,
    SealBroken,
    SealNotForYou,
    SealUnsupported,
    SignatureInvalid,
    SourceRefused,
    SourceUnreachable,
    StateRefused,
    Usage,
    VendorMisbehaved,
    VendorUnreachable,
    WorkspaceClosed,
    WorkspaceConflict,
    WorkspaceUnknown,
)
from .keys import Key, PublicKey
from .lint import Lint, LintFinding
from .rehearsals import Readiness, Rehearsal
from .results import Result
from .serving import ServedAgent, serve
from .simulation import Sample, Simulation, simulate
from .terms import Approval, Difference, Manifest
from .timelines import Timeline
from .verdicts import Finding, Verdict

__docformat__ = "google"  # how tools read what is written here

_logging.getLogger("prism").addHandler(_logging.NullHandler())

__all__ = [
    "AdministratorLast",
    "Agent",
    "AgentBusy",
    "AgentFull",
    "AgentMisbehaved",
    "AgentUnreachable",
    "Algorithm",
    "Approval",
    "ApprovalInvalid",
    "ApprovalMissing",
    "ArchiveTooLarge",
    "ArchiveUnsafe",
    "Asset",
    "AssetDuplicate",
    "AssetMismatch",
    "AssetOtherWay",
    "AssetUnknown",
    "AssetWrongProvider",
    "AuditFailed",
    "AuditReport",
    "AuthRefused",
    "AuthRequired",
    "BrokerMisbehaved",
    "BrokerRefused",
    "BrokerUnreachable",
    "Cancelled",
    "ConnectionLost",
    "DeadlinePassed",
    "Difference",
    "EndorsementsMissing",
    "EndorsementsNotCurrent",
    "EndorsementsRolledBack",
    "EndorsementsUnsigned",
    "Entry",
    "EnvelopeMalformed",
    "EnvironmentChanged",
    "EvidenceRefused",
    "Figures",
    "FileChanged",
    "FileExists",
    "FileIo",
    "FileMalformed",
    "FileMissing",
    "Finding",
    "HistoryForked",
    "HistoryInvalid",
    "Internal",
    "Key",
    "KeyExposed",
    "KeyMalformed",
    "KeyRevoked",
    "KeyUnknown",
    "LimitReached",
    "Lint",
    "LintFinding",
    "LogForked",
    "LogInvalid",
    "Manifest",
    "ManifestMalformed",
    "ManifestNotCurrent",
    "ManifestUnsupported",
    "MemberUnknown",
    "PlanExceeded",
    "PlatformUnsupported",
    "PolicyMalformed",
    "PolicyUnconfirmed",
    "PrismError",
    "Progress",
    "PublicKey",
    "Readiness",
    "Receipt",
    "Rehearsal",
    "RequestReplayed",
    "RequestStale",
    "RequirementsFailed",
    "Result",
    "ResultGone",
    "ResultNotReady",
    "ResultReleased",
    "RoleRefused",
    "RuleFinding",
    "RunFailed",
    "RunNotReady",
    "RunStopped",
    "Sample",
    "SandboxUnavailable",
    "SealBroken",
    "SealNotForYou",
    "SealUnsupported",
    "ServedAgent",
    "SignatureInvalid",
    "Simulation",
    "SourceRefused",
    "SourceUnreachable",
    "StateRefused",
    "Status",
    "Stream",
    "Timeline",
    "Usage",
    "VendorMisbehaved",
    "VendorUnreachable",
    "Verdict",
    "WorkspaceClosed",
    "WorkspaceConflict",
    "WorkspaceUnknown",
    "__version__",
    "aio",
    "attest",
    "audit",
    "connect",
    "samples",
    "seal",
    "serve",
    "simulate",
]
