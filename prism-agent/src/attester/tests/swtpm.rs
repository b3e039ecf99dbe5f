//! The same against an emulated TPM 2.0 of the packages swtpm and libtpms.

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::process::{Child, Command, Stdio};

use aws_lc_rs::signature::{RSA_PKCS1_2048_8192_SHA256, RsaPublicKeyComponents};
use prism_core::digest::Digest;

use super::*;
use crate::attester::tpm::Tpm;

const OWNER: [u8; 4] = [0x40, 0, 0, 1];
const KEY: u32 = 0x8100_0003;

/// An emulator that ends with its connection.
pub(super) struct Emulator {
    child: Child,
    stream: Option<UnixStream>,
    _state: tempfile::TempDir,
}

impl Emulator {
    /// A started TPM; `None` where the machine has no emulator.
    #[expect(clippy::print_stderr, reason = "a test says what it skips")]
    pub(super) fn start() -> Option<Self> {
        let state = tempfile::tempdir().unwrap();
        let (ours, theirs) = UnixStream::pair().unwrap();
        let script = "exec swtpm socket --tpm2 --fd 3 --tpmstate dir=\"$0\" \
                      --flags not-need-init,startup-clear 3<&0 0</dev/null";
        let found = Command::new("swtpm").arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status();
        if found.is_err() {
            eprintln!("skipped: no swtpm");
            return None;
        }
        let mut command = Command::new("sh");
        command.args(["-c", script]).arg(state.path()).stdin(Stdio::from(std::os::fd::OwnedFd::from(theirs)));
        let child = command.stderr(Stdio::null()).spawn().unwrap();
        Some(Self { child, stream: Some(ours), _state: state })
    }

    /// Executes a raw command with the owner's or the object's empty password; returns what follows the header.
    fn raw(&mut self, code: u32, handles: &[u8], parameters: &[u8]) -> Vec<u8> {
        let password = [0, 0, 0, 9, 0x40, 0, 0, 9, 0, 0, 0, 0, 0];
        let body = [handles, &password, parameters].concat();
        let size = u32::try_from(10 + body.len()).unwrap();
        let command = [&[0x80, 2][..], &size.to_be_bytes(), &code.to_be_bytes(), &body].concat();
        let stream = self.stream.as_mut().unwrap();
        stream.write_all(&command).unwrap();
        let mut header = [0; 10];
        stream.read_exact(&mut header).unwrap();
        let size = u32::from_be_bytes(header[2..6].try_into().unwrap());
        let mut answer = vec![0; usize::try_from(size).unwrap() - 10];
        stream.read_exact(&mut answer).unwrap();
        assert_eq!(header[6..], [0; 4], "command {code:#x}");
        answer
    }

    /// Makes a restricted RSASSA key with SHA-256 at the attestation key's handle; returns its modulus.
    pub(super) fn make_key(&mut self) -> Vec<u8> {
        let public = hex::decode("0001000b0005007200000010 0014000b 0800 00000000 0000".replace(' ', "")).unwrap();
        let length = u16::try_from(public.len()).unwrap().to_be_bytes();
        let parameters = [&[0, 4, 0, 0, 0, 0][..], &length, &public, &[0, 0, 0, 0, 0, 0]].concat();
        let made = self.raw(0x131, &OWNER, &parameters);
        let handle: [u8; 4] = made[..4].try_into().unwrap();
        self.raw(0x120, &[OWNER, handle].concat(), &KEY.to_be_bytes());
        // Handle, size of the parameters, then the public area up to the modulus.
        made[34..34 + 256].to_vec()
    }

    /// Defines an index and writes it.
    pub(super) fn put(&mut self, index: u32, content: &[u8]) {
        let size = u16::try_from(content.len()).unwrap().to_be_bytes();
        let index = index.to_be_bytes();
        let public = [&[0, 14][..], &index, &[0, 0x0b], &[0, 6, 0, 6], &[0, 0], &size].concat();
        self.raw(0x12a, &OWNER, &[&[0, 0][..], &public].concat());
        for (number, chunk) in (0_u16..).zip(content.chunks(512)) {
            let length = u16::try_from(chunk.len()).unwrap().to_be_bytes();
            let parameters = [&length[..], chunk, &(number * 512).to_be_bytes()].concat();
            self.raw(0x137, &[OWNER, index].concat(), &parameters);
        }
    }

    /// Our own codec on the emulator.
    pub(super) fn tpm(&mut self) -> Tpm {
        Tpm::new(Box::new(self.stream.take().unwrap()), Patience::HURRIED)
    }
}

impl Drop for Emulator {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

pub(super) fn verify(modulus: &[u8], message: &[u8], signature: &[u8]) {
    let key = RsaPublicKeyComponents { n: modulus, e: &[1, 0, 1][..] };
    key.verify(&RSA_PKCS1_2048_8192_SHA256, message, signature).unwrap();
}

#[test]
fn an_emulated_tpm_signs_our_data_and_its_registers() {
    let Some(mut emulator) = Emulator::start() else { return };
    let modulus = emulator.make_key();
    let quote = emulator.tpm().quote(KEY, data().as_bytes()).unwrap();
    verify(&modulus, &quote.message, &quote.signature);
    // TPMS_ATTEST: magic and type, the key's name, and our data as they are.
    assert_eq!(quote.message[..6], [0xff, 0x54, 0x43, 0x47, 0x80, 0x18]);
    let extra = [&[0, 64][..], data().as_bytes()].concat();
    assert_eq!(quote.message[42..108], extra);
    let values: Vec<u8> = quote.pcrs.values().flat_map(|value| *value.as_bytes()).collect();
    assert_eq!(quote.pcrs.len(), 24);
    assert!(quote.message.ends_with(Digest::sha256(&values).as_bytes()));
}

#[test]
fn an_emulated_tpm_keeps_what_is_written() {
    let Some(mut emulator) = Emulator::start() else { return };
    let content: Vec<u8> = (0..=255).cycle().take(2048).collect();
    emulator.put(0x0140_0001, &content);
    emulator.put(0x0140_0002, &[0; 64]);
    let mut tpm = emulator.tpm();
    assert_eq!(tpm.nv_read(0x0140_0001).unwrap(), content);
    tpm.nv_write(0x0140_0002, data().as_bytes()).unwrap();
    assert_eq!(tpm.nv_read(0x0140_0002).unwrap(), data().as_bytes());
}

#[test]
fn an_emulated_tpm_without_key_or_index_says_so() {
    let Some(mut emulator) = Emulator::start() else { return };
    let mut tpm = emulator.tpm();
    let absent = tpm.nv_read(0x0140_0001);
    assert!(matches!(absent, Err(TpmError::Refused { words, .. }) if words.starts_with("TPM_RC_HANDLE")), "{absent:?}");
    let keyless = tpm.quote(KEY, data().as_bytes());
    assert!(matches!(keyless, Err(TpmError::Refused { .. })), "{keyless:?}");
}
