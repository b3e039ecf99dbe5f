//! Writing a policy as TOML that explains itself.

use std::fmt::Write as _;

use toml::{Table, Value};

use super::{PolicyDocument, PolicyError, Remarks};

const WIDTH: usize = 110;

pub(super) fn write(document: &PolicyDocument, remarks: &Remarks) -> Result<String, PolicyError> {
    let mut writer = Writer { out: String::new(), remarks };
    writer.comment("Which confidential machines are accepted: any one of the [[accept]] blocks, all of its lines.");
    writer.comment("Every line counts and none may be left out; what may be anything says \"any\".");
    let _ = writeln!(writer.out, "version = {}", u32::from(document.version));
    writer.remark("confirmed");
    let _ = writeln!(writer.out, "confirmed = {}", document.confirmed);
    writer.comment("true: a machine's evidence may also stand for a TLS key alone, not for a connection (RA-TLS).");
    writer.remark("accept_key_only");
    let _ = writeln!(writer.out, "accept_key_only = {}", document.accept_key_only);
    for (at, profile) in document.accept.iter().enumerate() {
        let table = Table::try_from(profile).map_err(|_| PolicyError::NotForToml)?;
        writer.out.push_str("\n[[accept]]\n");
        writer.table("accept", &format!("accept[{at}]"), &table);
    }
    Ok(writer.out)
}

struct Writer<'a> {
    out: String,
    remarks: &'a Remarks,
}

impl Writer<'_> {
    /// Values first, then the tables below this one: TOML cannot return to a table.
    fn table(&mut self, name: &str, place: &str, table: &Table) {
        let in_line = name.ends_with(".products");
        let (below, here): (Vec<_>, Vec<_>) = table.iter().partition(|(_, value)| value.is_table() && !in_line);
        for (key, value) in here {
            self.explain(name, place, key);
            let _ = writeln!(self.out, "{key} = {}", layout(key, value));
        }
        for (key, value) in below {
            let Value::Table(inner) = value else { continue };
            let (name, place) = (format!("{name}.{key}"), format!("{place}.{key}"));
            self.out.push('\n');
            if let Some(text) = meaning(&name, key) {
                self.comment(text);
            }
            self.remark(&place);
            let _ = writeln!(self.out, "[{name}]");
            self.table(&name, &place, inner);
        }
    }

    fn explain(&mut self, name: &str, place: &str, key: &str) {
        if let Some(text) = meaning(name, key) {
            self.comment(text);
        }
        self.remark(&format!("{place}.{key}"));
    }

    fn remark(&mut self, place: &str) {
        if let Some(text) = self.remarks.get(place) {
            self.comment(&format!("CONFIRM: {text}"));
        }
    }

    /// Comment lines of bounded width; control characters cannot end a line early.
    fn comment(&mut self, text: &str) {
        let mut line = String::from("#");
        for word in text.split_whitespace() {
            if line.len() > 1 && line.len() + word.len() >= WIDTH {
                let _ = writeln!(self.out, "{line}");
                line = String::from("#  ");
            }
            line.push(' ');
            line.extend(word.chars().filter(|c| !c.is_control()));
        }
        let _ = writeln!(self.out, "{line}");
    }
}

/// Long lists stand one value to a line.
fn layout(key: &str, value: &Value) -> String {
    let text = value.to_string();
    let Value::Array(values) = value else { return text };
    if key.len() + text.len() < WIDTH || values.len() < 2 {
        return text;
    }
    values.iter().fold(String::from("[\n"), |text, value| text + &format!("    {value},\n")) + "]"
}

/// What a field means, in a line.
fn meaning(table: &str, key: &str) -> Option<&'static str> {
    let in_allow = table.rsplit('.').next() == Some("allow");
    snp(key).or_else(|| tdx(key)).or_else(|| if in_allow { allowed(key) } else { demanded(key) })
}

fn snp(key: &str) -> Option<&'static str> {
    Some(match key {
        "root" => "SHA-256 of the simulator's root. SIMULATED: no hardware protects such machines",
        "products" => {
            "processors: milan, genoa, turin, each with its lowest firmware versions (reported and at launch)"
        }
        "signing_keys" => "\"vcek\": the chip's own key; { vlek = { csp_ids = [...] } }: a cloud provider's",
        "measurements" => "launch measurements (SHA-384)",
        "host_data" => "HOST_DATA, which the host sets at launch",
        "family_ids" => "FAMILY_ID of the identity block",
        "image_ids" => "IMAGE_ID of the identity block",
        "report_ids" => "REPORT_ID, another one at each launch",
        "chip_ids" => "processors by CHIP_ID",
        "id_keys" => "SHA-384 of the key that signed the identity block",
        "author_keys" => "SHA-384 of the author key",
        "vmpls" => "privilege levels of the program that asked for the report; 0 is the most privileged",
        "min_guest_svn" => "lowest security version of the guest",
        "min_abi" => "lowest firmware interface that the guest demands",
        "min_mitigations" => "bits that the mitigation vectors must have",
        "allow" => "weaknesses: false refuses a machine that has one",
        "require" => "protections: true refuses a machine that lacks one",
        "revocation" => "AMD's revocation list: \"require\", or \"if-present\"",
        _ => return None,
    })
}

fn tdx(key: &str) -> Option<&'static str> {
    Some(match key {
        "tcb_status" => "statuses by Intel's judgement; Revoked cannot be listed",
        "grace_days" => "an OutOfDate machine is accepted for so many days after the tcbDate of the level it reached",
        "deny_advisories" => "advisories that must not be open on the machine, such as \"INTEL-SA-00837\"",
        "min_tcb_evaluation_number" => "lowest tcbEvaluationDataNumber of Intel's data",
        "mrtd" => "MRTD, the measurement of the guest's first memory (SHA-384)",
        "rtmrs" => "runtime registers: firmware's configuration, boot loader and kernel, command line, applications",
        "mr_config_ids" => "MRCONFIGID, which the host sets at launch",
        "mr_owners" => "MROWNER",
        "mr_owner_configs" => "MROWNERCONFIG",
        "mr_seams" => "MRSEAM, the measurement of the TDX module",
        "mr_service_tds" => "MRSERVICETD",
        "td_attributes" => "TDATTRIBUTES, every bit, least significant byte first",
        "xfam" => "XFAM, every bit, least significant byte first",
        "fmspcs" => "kinds of platform by FMSPC",
        "ppids" => "processors by PPID",
        "platform_instance_ids" => "machines of several processors by their platform instance id",
        "min_tee_tcb_svn" => "lowest TEE_TCB_SVN, each byte for itself",
        "min_qe_svn" => "lowest security version of the quoting enclave",
        "min_pce_svn" => "lowest PCESVN",
        "event_log" => "the event log behind the registers: \"require\", or \"if-present\"",
        "ak_anchor" => "what stands behind the TPM's key: \"hcl\", the report that the processor signed",
        "pcrs" => "registers of the virtual TPM (SHA-256); those that are not named are not looked at",
        "vm_ids" => "machines by the id that the paravisor has for them",
        "reset_counts" => "numbers of the TPM's resets",
        "restart_counts" => "numbers of the TPM's restarts since its last reset",
        _ => return None,
    })
}

fn allowed(key: &str) -> Option<&'static str> {
    Some(match key {
        "debug" => "the host may read and write the guest's memory",
        "migration" => "a migration agent may move the guest",
        "migratable" => "the guest may be moved to another machine",
        "service_td" => "a service guest may be bound to the guest",
        "perfmon" => "the guest uses performance counters",
        "key_locker" => "the guest uses Key Locker",
        "pks" => "the guest uses supervisor protection keys",
        "dynamic_platform" => "processors may be added to the machine later",
        "cached_keys" => "Intel keeps the machine's root keys",
        "smt" => "two hardware threads may share a core",
        "cxl" => "memory may sit on CXL devices",
        "trusted_io" => "trusted devices may be attached",
        "provisional_firmware" => "firmware that is not committed may run",
        "masked_chip_id" => "the chip may hide its identity",
        _ => return None,
    })
}

fn demanded(key: &str) -> Option<&'static str> {
    Some(match key {
        "alias_check" => "memory was checked for aliases (BadRAM)",
        "ciphertext_hiding" => "the host cannot read ciphertext",
        "single_socket" => "one socket only",
        "rapl_disabled" => "no power measurements (RAPL)",
        "ecc" => "memory has error-correcting codes",
        "tsme" => "all memory is encrypted",
        "aes_256_xts" => "memory is encrypted with AES-256-XTS",
        "page_swap_disabled" => "the guest's pages cannot be moved",
        "secure_boot" => "the firmware boots signed programs only",
        "safe_clock" => "the TPM's clock has not been set back",
        "sept_ve_disable" => "pages taken away stop the guest instead of raising an exception in it",
        _ => return None,
    })
}
