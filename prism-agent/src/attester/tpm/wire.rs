//! Commands and responses, byte for byte (TPM 2.0 Library, part 1, "Command/Response structure"). Big-endian.

use std::io::Read;

use super::response::{TpmError, refusal};

const NO_SESSIONS: u16 = 0x8001;
const SESSIONS: u16 = 0x8002;

/// Tag, size and code.
const HEADER_LEN: usize = 10;

/// A session of an empty password (`TPM_RS_PW`): no nonce, no attributes, no password.
const EMPTY_PASSWORD: [u8; 9] = [0x40, 0, 0, 0x09, 0, 0, 0, 0, 0];

/// A command's code and its name in the standard.
#[derive(Clone, Copy, Debug)]
pub(super) struct CommandCode {
    code: u32,
    pub(super) name: &'static str,
}

pub(super) const NV_WRITE: CommandCode = CommandCode { code: 0x0137, name: "TPM2_NV_Write" };
pub(super) const NV_READ: CommandCode = CommandCode { code: 0x014e, name: "TPM2_NV_Read" };
pub(super) const QUOTE: CommandCode = CommandCode { code: 0x0158, name: "TPM2_Quote" };
pub(super) const NV_READ_PUBLIC: CommandCode = CommandCode { code: 0x0169, name: "TPM2_NV_ReadPublic" };
pub(super) const PCR_READ: CommandCode = CommandCode { code: 0x017e, name: "TPM2_PCR_Read" };

/// A command as it is put together.
pub(super) struct Command {
    code: CommandCode,
    tag: u16,
    body: Vec<u8>,
}

impl Command {
    /// A command that needs no authorisation.
    pub(super) fn plain(code: CommandCode, handles: &[u32]) -> Self {
        let body = handles.iter().flat_map(|handle| handle.to_be_bytes()).collect();
        Self { code, tag: NO_SESSIONS, body }
    }

    /// A command whose first handle has an empty password.
    pub(super) fn authorised(code: CommandCode, handles: &[u32]) -> Self {
        let mut command = Self { tag: SESSIONS, ..Self::plain(code, handles) };
        command.body.extend([0, 0, 0, 9]);
        command.body.extend(EMPTY_PASSWORD);
        command
    }

    pub(super) const fn name(&self) -> &'static str {
        self.code.name
    }

    pub(super) fn u16(mut self, value: u16) -> Self {
        self.body.extend(value.to_be_bytes());
        self
    }

    /// `TPM2B`: a length and that many bytes.
    pub(super) fn sized(mut self, bytes: &[u8]) -> Result<Self, TpmError> {
        let length = u16::try_from(bytes.len()).map_err(|_| TpmError::TooLong { found: bytes.len() })?;
        self.body.extend(length.to_be_bytes());
        self.body.extend(bytes);
        Ok(self)
    }

    /// `TPML_PCR_SELECTION` of one bank: bit n of `registers` is register n.
    pub(super) fn selection(mut self, bank: u16, registers: u32) -> Self {
        let [first, second, third, _] = registers.to_le_bytes();
        self.body.extend([0, 0, 0, 1]);
        self.body.extend(bank.to_be_bytes());
        self.body.extend([3, first, second, third]);
        self
    }

    pub(super) fn encode(&self) -> Vec<u8> {
        let size = u32::try_from(HEADER_LEN + self.body.len()).unwrap_or(u32::MAX);
        let mut bytes = self.tag.to_be_bytes().to_vec();
        bytes.extend(size.to_be_bytes());
        bytes.extend(self.code.code.to_be_bytes());
        bytes.extend(&self.body);
        bytes
    }
}

/// A whole response.
pub(super) struct Response {
    command: &'static str,
    tag: u16,
    code: u32,
    body: Vec<u8>,
}

impl Response {
    /// Reads one response: a device gives it whole, a socket in pieces.
    pub(super) fn read(command: &Command, from: &mut dyn Read, limit: usize) -> Result<Self, TpmError> {
        let command = command.name();
        let malformed = || TpmError::Malformed { command };
        let mut buffer = vec![0; limit];
        let (mut filled, mut size) = (0, HEADER_LEN);
        while filled < size {
            // A device forgets what is not read at once, so there is always room for a whole response.
            let room = buffer.get_mut(filled..).ok_or_else(malformed)?;
            let read = from.read(room).map_err(|source| TpmError::Io { command, source })?;
            if read == 0 {
                return Err(malformed());
            }
            filled += read;
            if let Some(length) = buffer.get(2..6).filter(|_| filled >= HEADER_LEN).and_then(<[u8]>::first_chunk) {
                size = usize::try_from(u32::from_be_bytes(*length)).map_err(|_| malformed())?;
                if !(HEADER_LEN..=limit).contains(&size) || filled > size {
                    return Err(malformed());
                }
            }
        }
        buffer.truncate(size);
        let mut header = Parameters::new(command, &buffer);
        let (tag, _size, code) = (header.u16()?, header.u32()?, header.u32()?);
        Ok(Self { command, tag, code, body: buffer.split_off(HEADER_LEN) })
    }

    /// The parameters of a success; the session's part of the answer to an empty password says nothing.
    pub(super) fn parameters(self) -> Result<Parameters, TpmError> {
        if self.code != 0 {
            return Err(refusal(self.command, self.code));
        }
        let mut parameters = Parameters { command: self.command, bytes: self.body, at: 0 };
        match self.tag {
            NO_SESSIONS => Ok(parameters),
            SESSIONS => {
                let length = parameters.u32()?;
                let bytes = parameters.take(usize::try_from(length).unwrap_or(usize::MAX))?.to_vec();
                Ok(Parameters { command: self.command, bytes, at: 0 })
            }
            _ => Err(TpmError::Malformed { command: self.command }),
        }
    }
}

/// Fields of a response, read one after the other.
#[derive(Debug)]
pub(super) struct Parameters {
    command: &'static str,
    bytes: Vec<u8>,
    at: usize,
}

impl Parameters {
    pub(super) fn new(command: &'static str, bytes: &[u8]) -> Self {
        Self { command, bytes: bytes.to_vec(), at: 0 }
    }

    fn take(&mut self, length: usize) -> Result<&[u8], TpmError> {
        let malformed = TpmError::Malformed { command: self.command };
        let Some(end) = self.at.checked_add(length) else { return Err(malformed) };
        let taken = self.bytes.get(self.at..end).ok_or(malformed)?;
        self.at = end;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], TpmError> {
        let command = self.command;
        self.take(N)?.try_into().map_err(|_| TpmError::Malformed { command })
    }

    pub(super) fn u16(&mut self) -> Result<u16, TpmError> {
        self.array().map(u16::from_be_bytes)
    }

    pub(super) fn u32(&mut self) -> Result<u32, TpmError> {
        self.array().map(u32::from_be_bytes)
    }

    /// `TPM2B`.
    pub(super) fn sized(&mut self) -> Result<&[u8], TpmError> {
        let length = self.u16()?;
        self.take(usize::from(length))
    }

    /// The registers selected of one bank; none when the list says nothing of that bank.
    pub(super) fn selection(&mut self, bank: u16) -> Result<u32, TpmError> {
        let (mut registers, count) = (0, self.u32()?);
        for _ in 0..count {
            let found = self.u16()?;
            let [length] = self.array()?;
            let bits = self.take(usize::from(length))?;
            let known: Vec<u8> = bits.iter().copied().chain([0; 4]).take(4).collect();
            if found == bank {
                registers |= known.first_chunk().map_or(0, |bits| u32::from_le_bytes(*bits));
            }
        }
        Ok(registers)
    }

    /// Nothing may be left over.
    pub(super) fn end(&self) -> Result<(), TpmError> {
        if self.at == self.bytes.len() { Ok(()) } else { Err(TpmError::Malformed { command: self.command }) }
    }
}
