//! A virtual TPM 2.0, by the five commands that evidence needs (TPM 2.0 Library, part 3).
//!
//! A TPM answers one command at a time over anything that reads and writes: `/dev/tpmrm0`, or an emulator's socket.

mod response;
mod wire;

use std::collections::BTreeMap;
use std::io::{Read, Write};

use prism_core::digest::{DIGEST_LEN, Digest};
use prism_core::hexadecimal::HexBytes;

pub use self::response::TpmError;
use self::wire::{Command, Parameters, Response};
use super::busy::Patience;

/// The TPM with the kernel's resource manager, which keeps users apart.
pub(super) const DEVICE: &str = "/dev/tpmrm0";

/// Longest response in bytes: `MAX_RESPONSE_SIZE` of the PC Client profile.
const RESPONSE_MAX: usize = 4096;

/// How much of an index is read or written at once: every TPM takes this much (`MAX_NV_BUFFER_SIZE` is 512 or more).
const NV_CHUNK: u16 = 512;

/// The storage owner, with the empty password that cloud TPMs have (`TPM_RH_OWNER`).
const OWNER: u32 = 0x4000_0001;

const RSASSA: u16 = 0x0014;
const SHA256: u16 = 0x000b;

/// The registers that exist in the PC Client profile: 0 to 23.
const ALL_PCRS: u32 = 0x00ff_ffff;

/// What a TPM is reached through.
pub(super) trait Transport: Read + Write + Send {}

impl<T: Read + Write + Send> Transport for T {}

/// The values of the SHA-256 bank, by register.
pub(super) type Pcrs = BTreeMap<u8, HexBytes<DIGEST_LEN>>;

/// What the TPM signed, and the values it signed for.
#[derive(Debug)]
pub(super) struct Quote {
    /// `TPMS_ATTEST`, the bytes that are signed.
    pub(super) message: Vec<u8>,
    /// The RSASSA signature over its SHA-256.
    pub(super) signature: Vec<u8>,
    /// The registers as they were when it signed.
    pub(super) pcrs: Pcrs,
}

/// One TPM.
pub(super) struct Tpm {
    transport: Box<dyn Transport>,
    patience: Patience,
}

impl Tpm {
    pub(super) fn new(transport: Box<dyn Transport>, patience: Patience) -> Self {
        Self { transport, patience }
    }

    /// Everything in a non-volatile index.
    pub(super) fn nv_read(&mut self, index: u32) -> Result<Vec<u8>, TpmError> {
        let size = self.nv_size(index)?;
        let mut content = Vec::with_capacity(usize::from(size));
        for offset in (0..size).step_by(usize::from(NV_CHUNK)) {
            let chunk = NV_CHUNK.min(size - offset);
            let command = Command::authorised(wire::NV_READ, &[OWNER, index]).u16(chunk).u16(offset);
            let mut answer = self.execute(&command)?;
            let bytes = answer.sized()?.to_vec();
            answer.end()?;
            if bytes.len() != usize::from(chunk) {
                return Err(TpmError::Malformed { command: wire::NV_READ.name });
            }
            content.extend(bytes);
        }
        Ok(content)
    }

    /// Writes an index from its beginning.
    pub(super) fn nv_write(&mut self, index: u32, bytes: &[u8]) -> Result<(), TpmError> {
        let mut offset: u16 = 0;
        for chunk in bytes.chunks(usize::from(NV_CHUNK)) {
            let command = Command::authorised(wire::NV_WRITE, &[OWNER, index]).sized(chunk)?.u16(offset);
            self.execute(&command)?.end()?;
            offset = offset.saturating_add(NV_CHUNK);
        }
        Ok(())
    }

    /// Has the key behind `handle` sign `data` and all registers of the SHA-256 bank. Registers that change meanwhile
    /// are read and signed again.
    pub(super) fn quote(&mut self, handle: u32, data: &[u8]) -> Result<Quote, TpmError> {
        let patience = self.patience;
        patience.ask(|| {
            let pcrs = self.pcrs()?;
            let (message, signature) = self.quote_once(handle, data)?;
            // The digest over the selected registers is the last field of what is signed.
            let values: Vec<u8> = pcrs.values().flat_map(|value| *value.as_bytes()).collect();
            let settled = message.ends_with(Digest::sha256(&values).as_bytes());
            Ok(settled.then_some(Quote { message, signature, pcrs }))
        })
    }

    fn quote_once(&mut self, handle: u32, data: &[u8]) -> Result<(Vec<u8>, Vec<u8>), TpmError> {
        let command = Command::authorised(wire::QUOTE, &[handle]).sized(data)?;
        let mut answer = self.execute(&command.u16(RSASSA).u16(SHA256).selection(SHA256, ALL_PCRS))?;
        let message = answer.sized()?.to_vec();
        if (answer.u16()?, answer.u16()?) != (RSASSA, SHA256) {
            return Err(TpmError::Malformed { command: wire::QUOTE.name });
        }
        let signature = answer.sized()?.to_vec();
        answer.end()?;
        Ok((message, signature))
    }

    /// The SHA-256 bank; a TPM hands out at most eight registers at a time.
    fn pcrs(&mut self) -> Result<Pcrs, TpmError> {
        let (mut pcrs, mut left) = (Pcrs::new(), ALL_PCRS);
        while left != 0 {
            let mut answer = self.execute(&Command::plain(wire::PCR_READ, &[]).selection(SHA256, left))?;
            let malformed = || TpmError::Malformed { command: wire::PCR_READ.name };
            let _update_counter = answer.u32()?;
            let given = answer.selection(SHA256)?;
            if given == 0 {
                return Err(TpmError::NoBank);
            }
            if given & !left != 0 || answer.u32()? != given.count_ones() {
                return Err(malformed());
            }
            for register in (0..24_u8).filter(|register| given >> register & 1 == 1) {
                let value = answer.sized()?.try_into().map_err(|_| malformed())?;
                pcrs.insert(register, HexBytes::new(value));
            }
            answer.end()?;
            left &= !given;
        }
        Ok(pcrs)
    }

    /// The size of an index in bytes.
    fn nv_size(&mut self, index: u32) -> Result<u16, TpmError> {
        let mut answer = self.execute(&Command::plain(wire::NV_READ_PUBLIC, &[index]))?;
        let mut public = Parameters::new(wire::NV_READ_PUBLIC.name, answer.sized()?);
        let (_index, _name_algorithm, _attributes) = (public.u32()?, public.u16()?, public.u32()?);
        let _policy = public.sized()?;
        let size = public.u16()?;
        public.end()?;
        let _name = answer.sized()?;
        answer.end()?;
        Ok(size)
    }

    /// Sends a command until the TPM has time for it.
    fn execute(&mut self, command: &Command) -> Result<Parameters, TpmError> {
        let (patience, transport) = (self.patience, &mut self.transport);
        patience.ask(|| {
            let io = |source| TpmError::Io { command: command.name(), source };
            transport.write_all(&command.encode()).and_then(|()| transport.flush()).map_err(io)?;
            let response = Response::read(command, &mut *transport, RESPONSE_MAX)?;
            response.parameters().map(Some)
        })
    }
}
