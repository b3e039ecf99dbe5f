//! One table: what each error code means and what to do about it, for every binding. `prism explain CODE` prints it.

use super::Code;

/// What happened, in a sentence, and what to do now.
pub(super) fn explanation(code: Code) -> (&'static str, &'static str) {
    let rows = [local, vendor, terms, agent, assets, run, proof, workspace];
    rows.into_iter().find_map(|rows| rows(code)).unwrap_or_default()
}

type Row = Option<(&'static str, &'static str)>;

/// Files, keys and arguments on this machine.
fn local(code: Code) -> Row {
    Some(match code {
        Code::Usage => ("An argument or option is wrong.", "run the command with --help: it ends with an example"),
        Code::FileMalformed => {
            ("A file is not what its place asks for.", "check that the arguments are in the order that --help shows")
        }
        Code::FileMissing => (
            "A file or directory does not exist.",
            "check the path; relative paths start in this directory, those in a TOML file beside that file",
        ),
        Code::FileExists => (
            "A file exists already, and Prism does not overwrite it.",
            "choose another name, or move the old file away first",
        ),
        Code::FileIo => {
            ("A file could not be read or written.", "check permissions and free space of the disk, then try again")
        }
        Code::FileChanged => (
            "A file changed while it was read or sent.",
            "let no program write to it, then try again; if it should have changed, a new manifest has to name the new digest",
        ),
        Code::KeyMalformed => (
            "A key file or key text is malformed or of a kind that is not accepted.",
            "private keys are PKCS#8 PEM, public keys SPKI PEM, of Ed25519, ECDSA P-256 or P-384; `prism keys new NAME` makes a pair",
        ),
        Code::KeyExposed => (
            "A private key file, or a directory of secrets, can be read by others.",
            "run the chmod that is named; if others may have read a key meanwhile, make a new key and a new manifest",
        ),
        Code::Cancelled => ("The command was interrupted before it was done.", "run the same command again"),
        Code::Internal => (
            "Prism itself failed.",
            "this is a fault of Prism: please report it with the message above, the command and `prism --version`",
        ),
        _ => return None,
    })
}

/// What vendors vouch for, and their services.
fn vendor(code: Code) -> Row {
    Some(match code {
        Code::EndorsementsMissing => (
            "The vendor's certificates or lists for this machine are not there.",
            "`prism endorsements fetch --for EVIDENCE -o bundle.json` gets what is missing",
        ),
        Code::EndorsementsNotCurrent => (
            "An endorsement is not valid yet or no longer.",
            "run `prism endorsements fetch` again, or judge as of the time of the evidence with --at",
        ),
        Code::EndorsementsRolledBack => (
            "A revocation list or judgement is older than one seen before.",
            "fetch from the vendor itself; if a mirror gave it, the mirror is out of date or hides something",
        ),
        Code::EndorsementsUnsigned => (
            "An endorsement that the vendor did not sign.",
            "whoever sent it cannot be trusted: ask the vendor or another mirror; --root FILE names a laboratory's own authority",
        ),
        Code::VendorUnreachable => (
            "The vendor's service, or its mirror, cannot be reached or is busy.",
            "check the network, or name a mirror with --mirror URL; AMD's service wants 10 seconds between questions",
        ),
        Code::VendorMisbehaved => (
            "The vendor's service, or its mirror, answered with something that cannot be an endorsement.",
            "check the address of the mirror; nothing of the answer was kept",
        ),
        _ => return None,
    })
}

/// Manifests, approvals and signatures.
fn terms(code: Code) -> Row {
    Some(match code {
        Code::KeyUnknown => (
            "The key is not one that the manifest names.",
            "use the key whose public half the owner put into the manifest; `prism keys show` and `prism manifest show` print both",
        ),
        Code::SignatureInvalid => (
            "A signature does not hold: the signed bytes were changed, or another key signed them.",
            "get the file again from its author over another way; do not go on with this one",
        ),
        Code::EnvelopeMalformed => (
            "A signed envelope is malformed or of another type than its place asks for.",
            "check that the file is the one that was meant; approvals end in .approval, signed manifests in .prism",
        ),
        Code::ManifestMalformed => (
            "A manifest is malformed or contradicts itself.",
            "correct the place that is named in the TOML file and run `prism manifest new` again; every participant then approves anew",
        ),
        Code::ApprovalMissing => (
            "A participant has not approved these very bytes.",
            "send the manifest to the participants that are named; each runs `prism manifest approve FILE --key NAME.key`",
        ),
        Code::ApprovalInvalid => (
            "An approval is by an unnamed key, of other bytes, or altered.",
            "approve this very file again: a manifest that was changed or re-formatted is another manifest; `prism manifest assemble` puts the approvals together",
        ),
        Code::ManifestNotCurrent => (
            "The manifest is not valid yet, or no longer.",
            "check this machine's clock; if the time is right, the owner makes a manifest with new dates and all approve it",
        ),
        Code::ManifestUnsupported => (
            "The manifest has terms that no agent, or not this agent's machine, can keep.",
            "use a machine with the interpreter, host, device or sandbox layer that the message names, or agree on other terms",
        ),
        Code::PolicyMalformed => (
            "A policy file is malformed, names something unknown or leaves something out.",
            "correct the place that is named; every field has to be there, and what may be anything says \"any\". `prism policy new` drafts a whole one",
        ),
        Code::PolicyUnconfirmed => (
            "A drafted policy was not confirmed by a person yet.",
            "read the file, check every line marked CONFIRM, then write confirmed = true in it; `prism policy show` says what it would accept",
        ),
        Code::RoleRefused => (
            "This participant's role does not allow the call.",
            "`prism manifest show` says who may do what; use the key of a participant with that role",
        ),
        _ => return None,
    })
}

/// The agent and the way to it.
fn agent(code: Code) -> Row {
    Some(match code {
        Code::PlatformUnsupported => (
            "The platform is unknown here, not built in, or not one that the manifest names.",
            "`prism attester probe` says what this machine is, `prism manifest show` which machines are accepted; simulators (--platform simulated, simulated-tdx) only where the manifest names them; for another platform, update prism",
        ),
        Code::AgentUnreachable => (
            "The agent cannot be reached.",
            "check host and port (--agent or PRISM_AGENT_URL, HOST:PORT, usually port 6110), that the agent runs, and the firewall between",
        ),
        Code::AgentBusy => {
            ("The agent or the asset is busy with another connection.", "wait a moment and run the same command again")
        }
        Code::AgentMisbehaved => (
            "The agent said something that the protocol does not allow.",
            "send nothing more to this agent; keep the message and ask its operator which build it runs",
        ),
        Code::ConnectionLost => (
            "The connection broke.",
            "run the same command again: an upload goes on where the agent's disk has it, a result where the file ends",
        ),
        Code::AuthRequired => ("The call needs an authenticated participant.", "add --key with your private key file"),
        Code::AuthRefused => (
            "The authentication does not fit this connection, agent, computation or name.",
            "check that --manifest and --key belong to this computation, then run the command again; a restarted agent is another agent",
        ),
        Code::StateRefused => (
            "The call is not allowed in the run's present state.",
            "`prism status` shows the state and what it waits for; an agent that was started anew waits for everything again",
        ),
        Code::LimitReached => (
            "A bound that the agent's configuration sets was reached.",
            "wait and try again; if it stays, ask the agent's operator to raise the bound that is named",
        ),
        _ => return None,
    })
}

/// What is brought in, and how.
fn assets(code: Code) -> Row {
    Some(match code {
        Code::AssetUnknown => (
            "The manifest names no such asset.",
            "`prism manifest show` lists every asset; name one of yours as it stands there",
        ),
        Code::AssetWrongProvider => (
            "Another participant provides this asset.",
            "only the provider that the manifest names may send it: use that participant's key",
        ),
        Code::AssetMismatch => (
            "The bytes differ from what every participant approved.",
            "compare `prism checksum PATH` with `prism manifest show`; send the approved file, or agree on a new manifest",
        ),
        Code::AssetDuplicate => (
            "The asset has been accepted already.",
            "nothing is to be done; `prism watch` shows what the run waits for",
        ),
        Code::AgentFull => (
            "The agent's disk has too little room for an asset or for the run.",
            "ask whoever runs the agent to make room; then the same upload goes on where it was, but a run that ended needs a new agent",
        ),
        Code::AssetOtherWay => (
            "The asset comes another way: it is sent by its provider, or fetched by the agent.",
            "`prism manifest show` says how: `prism data` sends a dataset, `prism release` releases the key of one that lies in a store",
        ),
        Code::SourceUnreachable => (
            "An object store cannot be reached, or breaks off again and again.",
            "check the store and the way to it: from here for `prism release`, from the agent's machine for the fetching; then release the key again",
        ),
        Code::SourceRefused => (
            "An object store does not give the object, or the agent may not ask it.",
            "check the address in the manifest, and AWS_REGION for s3:// (us-east-1 if it is not set); the agent's operator names the stores with --pull-allow and gives the agent its access",
        ),
        Code::BrokerUnreachable => (
            "A key broker cannot be reached.",
            "check the broker and the way to it from the agent's machine; the agent tries again by itself",
        ),
        Code::BrokerRefused => (
            "A key broker does not release the key, or the agent may not ask it.",
            "check the broker's policy against the agent's measurement, and the resource's path in the manifest; --kbs-ca names whom the agent trusts",
        ),
        Code::BrokerMisbehaved => (
            "A key broker says something that the protocol does not allow, or gives a key that is for something else.",
            "check that the resource is the identity of this dataset, with the line that names this manifest",
        ),
        Code::ArchiveUnsafe => (
            "An archive is malformed or holds something that could leave its directory.",
            "rename the file that is named; an archive that another program made is best made by Prism itself: pass the directory",
        ),
        Code::ArchiveTooLarge => (
            "An archive exceeds a bound on size, count of files or compression ratio.",
            "send fewer or larger files, or store them without compression",
        ),
        _ => return None,
    })
}

/// The run and its result.
fn run(code: Code) -> Row {
    Some(match code {
        Code::RunFailed => (
            "The algorithm ran and failed: by its exit status, a limit or the sandbox.",
            "try the algorithm on invented data first; it has no network and only the limits that the manifest grants. A new run needs a new agent",
        ),
        Code::RunStopped => (
            "The run was stopped by a participant.",
            "`prism transcript` shows who stopped it; a new run needs a new agent",
        ),
        Code::SandboxUnavailable => (
            "A sandbox layer that the manifest demands is not available on the agent's machine.",
            "start the agent on a machine that has the layer, or agree on a manifest that does not demand it",
        ),
        Code::RequirementsFailed => (
            "The requirements could not be installed.",
            "check that every line of the lock file has a hash and that a wheel for the agent's Python and processor is there",
        ),
        Code::EnvironmentChanged => (
            "An environment that the agent kept is not what was installed, or others may write to it.",
            "ask the agent's operator to find out who changed it, to remove it, and to see to its owner and mode: the next run makes it again",
        ),
        Code::ResultNotReady => {
            ("There is no result yet.", "`prism watch` shows what the run waits for; try again when it is Delivering")
        }
        Code::ResultReleased => (
            "The result key went to another recipient already; there is no second one.",
            "if that was not you, treat your key as stolen; the transcript shows the recipient and the time",
        ),
        Code::ResultGone => (
            "The result was confirmed by its consumer, and the agent destroyed it.",
            "nobody can fetch it again: use the file that the first download wrote, or repeat the run",
        ),
        Code::SealUnsupported => (
            "A sealed file is of a form that Prism does not open: armoured text, too many recipients, or a passphrase that takes too much work to try.",
            "open it with the `age` tool if you trust its maker, then seal it again with `prism seal`",
        ),
        Code::SealNotForYou => (
            "A sealed file does not open with this.",
            "use the identity, key or passphrase that the file was sealed to",
        ),
        _ => return None,
    })
}

/// Evidence, logs and transcripts.
fn proof(code: Code) -> Row {
    Some(match code {
        Code::EvidenceRefused => (
            "The machine's evidence does not hold, or is not what the manifest asks for.",
            "nothing was sent. Each finding says what was expected and found; ask the agent's operator, or agree on a new manifest",
        ),
        Code::SealBroken => (
            "A sealed file is malformed, truncated or altered.",
            "check that it is a sealed file of the kind that was meant, then fetch it again; if it stays broken, somebody changed it on the way",
        ),
        Code::LogInvalid => (
            "A log, proof or checkpoint does not hold.",
            "trust nothing that this log says; keep the file: it is evidence against whoever made it",
        ),
        Code::LogForked => (
            "Two checkpoints of one log contradict each other: the agent told different stories.",
            "keep both checkpoints: together they are proof that anyone can check; send nothing more to this agent",
        ),
        Code::AuditFailed => (
            "A transcript breaks a rule.",
            "each line names the rule and the entry. A transcript that was taken before the log was closed lacks its end: fetch it again then. Otherwise get it from another participant and compare",
        ),
        _ => return None,
    })
}

/// Workspaces and their histories.
fn workspace(code: Code) -> Row {
    Some(match code {
        Code::MemberUnknown => (
            "The key, or its organisation, is no member of the workspace.",
            "check which key signs and which workspace is named; otherwise ask an administrator for an invitation",
        ),
        Code::KeyRevoked => (
            "The key was revoked; it never counts again in this workspace.",
            "sign with another key of the organisation; an invitation to the old key has to be sent anew",
        ),
        Code::WorkspaceClosed => (
            "The workspace is disabled or deleted.",
            "an administrator can enable it again; a deleted workspace stays deleted",
        ),
        Code::WorkspaceUnknown => (
            "The workspace has nothing of that name.",
            "look at the workspace's lists; names are told apart by upper and lower case",
        ),
        Code::WorkspaceConflict => (
            "The request does not fit what the workspace is now: a name is taken, or it stands elsewhere.",
            "look at the workspace's history: somebody may have been faster; then sign what still makes sense",
        ),
        Code::RequestReplayed => (
            "A request whose number this key used already.",
            "sign it anew with the next number; if you did not send it before, somebody replays your requests",
        ),
        Code::RequestStale => (
            "A request that was signed too long before or after it arrived.",
            "check this machine's clock, then sign it anew",
        ),
        Code::AdministratorLast => (
            "It would leave nobody who administers, or an organisation without a key.",
            "give the role to another member, or add another key, first",
        ),
        Code::RunNotReady => (
            "Something is missing before the computation can run.",
            "the dry run lists everything that is missing and who owes it",
        ),
        Code::PlanExceeded => (
            "A bound of the plan, or of the workspace itself, was reached.",
            "remove what is not needed any more, wait until runs have ended, or choose another plan",
        ),
        Code::HistoryInvalid => (
            "A workspace's history does not hold: an entry was altered, dropped, moved, added or should have been refused.",
            "trust nothing that this history says; keep the file, and compare with another member's",
        ),
        Code::HistoryForked => (
            "A workspace's history is another, or shorter, than one that was seen before: the courier tells different stories.",
            "keep both histories and compare heads with the other members; change nothing through this courier until it is clear",
        ),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_has_a_meaning_and_a_hint() {
        for code in Code::ALL {
            assert!(code.meaning().ends_with('.'), "{code} has no row in the table");
            assert!(code.hint().len() > 10 && !code.hint().ends_with('.'), "{code}");
        }
    }
}
