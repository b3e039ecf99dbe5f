//! The host's certificate table (AMD publication 56421, GHCB, "SNP Extended Guest Request"): rows of identifier, offset
//! and length, ended by a row of zeros. The host is not trusted, and neither are its offsets.

use prism_attest::endorsements::{Endorsements, EndorsementsError, SnpEndorsements};

use super::{AttesterError, content};

/// Most rows that are looked at.
const ROWS_MAX: usize = 32;
const ROW_LEN: usize = 24;

/// Identifiers as the table has them: 16 bytes in the order of their text.
const VCEK: u128 = 0x63da_758d_e664_4564_adc5_f4b9_3be8_accd;
const VLEK: u128 = 0xa807_4bc2_a25a_483e_aae6_39c0_45a0_b8a1;
const ASK: u128 = 0x4ab7_b379_bbac_4fe4_a02f_05ae_f327_c782;
const ARK: u128 = 0xc0b4_06a4_a803_4952_9743_3fb6_014c_d0ae;
const CRL: u128 = 0x92f8_1bc3_5811_4d3d_97ff_d19f_88dc_67ea;

/// What vouches for a report: the host's table first, since it follows the machine's firmware, completed by AMD's
/// built-in certificates and by the configured file; the file alone where the host gave no leaf.
pub(super) fn endorsements(
    table: &[u8],
    report: &[u8],
    file: Option<&SnpEndorsements>,
) -> Result<Endorsements, AttesterError> {
    let find = |id| row(table, id).map(<[u8]>::to_vec);
    let Some(vek) = leaf(report).into_iter().find_map(find) else {
        let file = file.ok_or(AttesterError::NoEndorsements)?;
        return Ok(Endorsements::snp(file.clone())?);
    };
    let crl = find(CRL).or_else(|| file?.crl.clone());
    if let (Some(ask), Some(ark)) = (find(ASK), find(ARK)) {
        return Ok(Endorsements::snp(SnpEndorsements { vek, ask, ark, crl })?);
    }
    match (Endorsements::snp_from_leaf(vek.clone(), crl.clone()), file) {
        (Err(EndorsementsError::UnknownIssuer), Some(file)) => {
            let (ask, ark) = (file.ask.clone(), file.ark.clone());
            Ok(Endorsements::snp(SnpEndorsements { vek, ask, ark, crl })?)
        }
        (completed, _) => Ok(completed?),
    }
}

/// Which leaf vouches for the report, the likelier first.
fn leaf(report: &[u8]) -> [u128; 2] {
    match content::signed_by_vlek(report) {
        Some(false) => [VCEK, VLEK],
        _ => [VLEK, VCEK],
    }
}

fn row(table: &[u8], id: u128) -> Option<&[u8]> {
    let (rows, _) = table.as_chunks::<ROW_LEN>();
    let row = rows.iter().take(ROWS_MAX).take_while(|row| row.iter().any(|b| *b != 0));
    let mut found = row.filter(|row| row.starts_with(&id.to_be_bytes()));
    let (_, place) = found.next()?.split_first_chunk::<16>()?;
    let (offset, length) = place.split_first_chunk::<4>()?;
    let offset = usize::try_from(u32::from_le_bytes(*offset)).ok()?;
    let length = usize::try_from(u32::from_le_bytes(length.try_into().ok()?)).ok()?;
    table.get(offset..offset.checked_add(length)?).filter(|certificate| !certificate.is_empty())
}
