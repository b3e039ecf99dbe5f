use std::collections::VecDeque;
use std::io::{self, Read, Write};
use std::sync::{Arc, Mutex};

use prism_core::digest::Digest;
use rustix::io::Errno;

use super::*;
use crate::attester::tpm::{Quote, Tpm};

const INDEX: u32 = 0x0140_0001;
const KEY: u32 = 0x8100_0003;

/// What the device does next.
#[derive(Clone, Debug)]
pub(super) enum Turn {
    /// Answers this, whole.
    Whole(Vec<u8>),
    /// Answers this, byte by byte.
    Pieces(Vec<u8>),
    /// The system refuses the command.
    Error(Errno),
    /// Nothing comes.
    Silence,
}

/// A device that answers by a script and remembers what it was told.
#[derive(Clone, Default)]
pub(super) struct Scripted {
    turns: Arc<Mutex<VecDeque<Turn>>>,
    told: Arc<Mutex<Vec<Vec<u8>>>>,
    rest: Vec<u8>,
}

impl Scripted {
    pub(super) fn told(&self) -> Vec<Vec<u8>> {
        self.told.lock().unwrap().clone()
    }
}

impl Write for Scripted {
    fn write(&mut self, command: &[u8]) -> io::Result<usize> {
        self.told.lock().unwrap().push(command.to_vec());
        let mut turns = self.turns.lock().unwrap();
        match turns.front() {
            Some(Turn::Error(error)) => {
                let error = *error;
                turns.pop_front();
                Err(error.into())
            }
            _ => Ok(command.len()),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Read for Scripted {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if self.rest.is_empty() {
            match self.turns.lock().unwrap().pop_front() {
                Some(Turn::Whole(answer)) => return (&answer[..]).read(into),
                Some(Turn::Pieces(answer)) => self.rest = answer,
                _ => return Ok(0),
            }
        }
        into[0] = self.rest.remove(0);
        Ok(1)
    }
}

/// A TPM behind a script.
pub(super) fn tpm(turns: &[Turn]) -> (Tpm, Scripted) {
    let turns = Arc::new(Mutex::new(turns.iter().cloned().collect()));
    let device = Scripted { turns, ..Scripted::default() };
    (Tpm::new(Box::new(device.clone()), Patience::HURRIED), device)
}

fn response(tag: u16, code: u32, body: &[u8]) -> Vec<u8> {
    let size = u32::try_from(10 + body.len()).unwrap();
    [&tag.to_be_bytes()[..], &size.to_be_bytes(), &code.to_be_bytes(), body].concat()
}

fn sized(bytes: &[u8]) -> Vec<u8> {
    [&u16::try_from(bytes.len()).unwrap().to_be_bytes()[..], bytes].concat()
}

fn refused(code: u32) -> Turn {
    Turn::Whole(response(0x8001, code, &[]))
}

/// An answer with a session: the parameters' size, the parameters, what the session says.
pub(super) fn authorised(parameters: &[u8]) -> Vec<u8> {
    let size = u32::try_from(parameters.len()).unwrap().to_be_bytes();
    response(0x8002, 0, &[&size[..], parameters, &[0, 0, 1, 0, 0]].concat())
}

/// `TPM2_NV_ReadPublic`'s answer for an index of that size.
fn public(size: u16) -> Vec<u8> {
    let area = [&INDEX.to_be_bytes()[..], &[0, 0x0b], &[0, 6, 0, 6], &[0, 0], &size.to_be_bytes()].concat();
    response(0x8001, 0, &[sized(&area), sized(&[7; 34])].concat())
}

/// `TPM2_PCR_Read`'s answer with eight registers, each full of its own number plus `add`.
fn registers(first: u8, add: u8) -> Vec<u8> {
    let mut bits = [0_u8; 3];
    bits[usize::from(first / 8)] = 0xff;
    let mut body = vec![0, 0, 0, 9, 0, 0, 0, 1, 0, 0x0b, 3, bits[0], bits[1], bits[2], 0, 0, 0, 8];
    for register in first..first + 8 {
        body.extend(sized(&[register + add; 32]));
    }
    response(0x8001, 0, &body)
}

pub(super) fn bank(add: u8) -> [Turn; 3] {
    [0, 8, 16].map(|first| Turn::Whole(registers(first, add)))
}

/// `TPM2_Quote`'s answer over registers with `add`.
pub(super) fn quoted(add: u8) -> Vec<u8> {
    let values: Vec<u8> = (0..24).flat_map(|register| [register + add; 32]).collect();
    let message = [b"what is signed", Digest::sha256(&values).as_bytes().as_slice()].concat();
    authorised(&[sized(&message), vec![0, 0x14, 0, 0x0b], sized(&[9; 256])].concat())
}

fn quote(turns: &[Turn]) -> (Result<Quote, TpmError>, Scripted) {
    let (mut tpm, device) = tpm(turns);
    (tpm.quote(KEY, data().as_bytes()), device)
}

#[test]
fn an_index_is_read_in_pieces_that_every_tpm_takes() {
    let content: Vec<u8> = (0..=255).cycle().take(600).collect();
    let answers = [public(600), authorised(&sized(&content[..512])), authorised(&sized(&content[512..]))];
    for turn in [Turn::Whole, Turn::Pieces] {
        let (mut tpm, device) = tpm(&answers.clone().map(turn));
        assert_eq!(tpm.nv_read(INDEX).unwrap(), content);
        let told = device.told();
        assert_eq!(told[0], hex::decode("80010000000e0000016901400001").unwrap());
        let read = "800200000023 0000014e 40000001 01400001 00000009 40000009 0000 00 0000";
        let read = hex::decode(read.replace(' ', "")).unwrap();
        assert_eq!(told[1], [&read[..], &[2, 0, 0, 0]].concat());
        assert_eq!(told[2], [&read[..], &[0, 88, 2, 0]].concat());
    }
}

#[test]
fn an_index_is_written_with_the_owners_empty_password() {
    let (mut tpm, device) = tpm(&[Turn::Whole(authorised(&[]))]);
    tpm.nv_write(0x0140_0002, data().as_bytes()).unwrap();
    let head = "800200000063 00000137 40000001 01400002 00000009 40000009 0000 00 0000 0040";
    let expected = [&hex::decode(head.replace(' ', "")).unwrap()[..], data().as_bytes(), &[0, 0]].concat();
    assert_eq!(device.told(), [expected]);
}

#[test]
fn a_quote_covers_our_data_and_every_register() {
    let (quote, device) = quote(&[&bank(0)[..], &[Turn::Whole(quoted(0))]].concat());
    let quote = quote.unwrap();
    assert_eq!((quote.pcrs.len(), *quote.pcrs[&23].as_bytes(), quote.signature), (24, [23; 32], vec![9; 256]));
    assert!(quote.message.starts_with(b"what is signed"));
    let head = "80020000006b 00000158 81000003 00000009 40000009 0000 00 0000 0040";
    let head = hex::decode(head.replace(' ', "")).unwrap();
    let tail = hex::decode("0014000b00000001000b03ffffff").unwrap();
    assert_eq!(device.told()[3], [&head[..], data().as_bytes(), &tail].concat());
    // Each question about registers names those that are left.
    let asked: Vec<String> = device.told()[..3].iter().map(|told| hex::encode(&told[10..])).collect();
    assert_eq!(asked, ["00000001000b03ffffff", "00000001000b0300ffff", "00000001000b030000ff"]);
}

#[test]
fn registers_that_change_before_the_signature_are_read_again() {
    let turns = [&bank(0)[..], &[Turn::Whole(quoted(1))], &bank(1), &[Turn::Whole(quoted(1))]].concat();
    let (quote, _) = quote(&turns);
    assert_eq!(*quote.unwrap().pcrs[&0].as_bytes(), [1; 32]);
    let restless = vec![[&bank(0)[..], &[Turn::Whole(quoted(1))]].concat(); 10].concat();
    assert!(matches!(self::quote(&restless).0, Err(TpmError::Busy { attempts: 10 })));
}

#[test]
fn a_tpm_without_time_is_asked_again() {
    let answers = [Turn::Whole(public(2)), Turn::Whole(authorised(&sized(b"ok")))];
    let busy = [0x908, 0x90a, 0x920, 0x922, 0x923].map(refused);
    for busy in [&busy[..], &[Turn::Error(Errno::BUSY)]] {
        let (mut tpm, device) = tpm(&[busy, &answers].concat());
        assert_eq!(tpm.nv_read(INDEX).unwrap(), b"ok");
        assert_eq!(device.told().len(), busy.len() + 2);
    }
    let (mut tpm, _) = tpm(&vec![refused(0x922); 10]);
    assert!(matches!(tpm.nv_read(INDEX), Err(TpmError::Busy { attempts: 10 })));
}

#[test]
fn a_refusal_is_named_and_not_repeated() {
    for (code, part) in [
        (0x18b, "TPM_RC_HANDLE"),
        (0x1d5, "TPM_RC_SIZE"),
        (0x149, "TPM_RC_NV_AUTHORIZATION"),
        (0x98e, "TPM_RC_AUTH_FAIL"),
        (0x9a2, "TPM_RC_BAD_AUTH"),
        (0x921, "TPM_RC_LOCKOUT"),
    ] {
        let (mut tpm, device) = tpm(&[refused(code)]);
        let error = tpm.nv_read(INDEX).unwrap_err();
        assert!(matches!(error, TpmError::Refused { code: found, words, .. } if found == code && words.contains(part)));
        assert_eq!(device.told().len(), 1);
    }
}

#[test]
fn an_error_of_the_device_is_said() {
    let (mut tpm, _) = tpm(&[Turn::Error(Errno::IO)]);
    assert!(matches!(tpm.nv_read(INDEX), Err(TpmError::Io { command: "TPM2_NV_ReadPublic", .. })));
}

#[test]
fn what_is_no_response_is_refused() {
    let long = |size: u32| [&[0x80, 1][..], &size.to_be_bytes(), &[0; 4]].concat();
    let mut trailing = public(2);
    trailing.push(0);
    let mut inner = public(2);
    inner.truncate(inner.len() - 1);
    inner[5] -= 1;
    let answers: [Vec<u8>; 9] = [
        vec![],
        vec![0x80, 1, 0],
        long(9),
        long(11),
        long(4097),
        long(u32::MAX),
        trailing,
        inner,
        response(0x8003, 0, &public(2)[10..]),
    ];
    for answer in answers {
        let (mut tpm, _) = tpm(&[Turn::Whole(answer.clone()), Turn::Silence]);
        let refused = tpm.nv_read(INDEX);
        assert!(matches!(refused, Err(TpmError::Malformed { .. })), "{} {refused:?}", hex::encode(answer));
    }
}

#[test]
fn every_cut_of_an_answer_is_refused() {
    let whole = quoted(0);
    for cut in 11..whole.len() {
        // Shorter parameters, honestly counted in the response's own size.
        let answer = response(0x8002, 0, &whole[10..cut]);
        let (quote, _) = quote(&[&bank(0)[..], &[Turn::Whole(answer)]].concat());
        // The last five bytes are the session's, which says nothing.
        assert_eq!(quote.is_ok(), cut >= whole.len() - 5, "{cut}");
    }
    let whole = registers(0, 0);
    for cut in 11..whole.len() {
        let (quote, _) = quote(&[Turn::Whole(response(0x8001, 0, &whole[10..cut]))]);
        assert!(matches!(quote, Err(TpmError::Malformed { .. })), "{cut}");
    }
}

#[test]
fn registers_that_were_not_asked_for_are_refused() {
    let twice = vec![Turn::Whole(registers(0, 0)), Turn::Whole(registers(0, 0))];
    assert!(matches!(quote(&twice).0, Err(TpmError::Malformed { .. })));
    let mut fewer = registers(0, 0);
    fewer[27] = 7;
    assert!(matches!(quote(&[Turn::Whole(fewer)]).0, Err(TpmError::Malformed { .. })));
}

#[test]
fn a_tpm_without_sha256_registers_is_refused() {
    let none = response(0x8001, 0, &[0, 0, 0, 9, 0, 0, 0, 1, 0, 0x0b, 3, 0, 0, 0, 0, 0, 0, 0]);
    assert!(matches!(quote(&[Turn::Whole(none)]).0, Err(TpmError::NoBank)));
    // The other bank's registers are not taken for it.
    let mut sha1 = registers(0, 0);
    sha1[19] = 4;
    assert!(matches!(quote(&[Turn::Whole(sha1)]).0, Err(TpmError::NoBank)));
}

#[test]
fn a_signature_of_another_kind_is_refused() {
    let mut other = quoted(0);
    let scheme = other.windows(4).position(|window| window == [0, 0x14, 0, 0x0b]).unwrap();
    other[scheme + 1] = 0x16;
    let (quote, _) = quote(&[&bank(0)[..], &[Turn::Whole(other)]].concat());
    assert!(matches!(quote, Err(TpmError::Malformed { command: "TPM2_Quote" })));
}
