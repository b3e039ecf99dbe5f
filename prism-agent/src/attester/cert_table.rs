//! The host's certificate table (AMD publication 56421, GHCB, "SNP Extended Guest Request"): rows of identifier, offset
//! and length, ended by a row of zeros. The host is not trusted, and neither are its offsets.

use prism_attest::endorsements::{Endorsements, SnpEndorsements};

use super::AttesterError;

/// Most rows that are looked at.
const ROWS_MAX: usize = 32;
const ROW_LEN: usize = 24;

/// Identifiers as the table has them: 16 bytes in the order of their text.
const VCEK: u128 = 0x63da_758d_e664_4564_adc5_f4b9_3be8_accd;
const VLEK: u128 = 0xa807_4bc2_a25a_483e_aae6_39c0_45a0_b8a1;
const ASK: u128 = 0x4ab7_b379_bbac_4fe4_a02f_05ae_f327_c782;
const ARK: u128 = 0xc0b4_06a4_a803_4952_9743_3fb6_014c_d0ae;
const CRL: u128 = 0x92f8_1bc3_5811_4d3d_97ff_d19f_88dc_67ea;

/// The endorsements in a table: the whole chain, or the leaf completed with AMD's built-in certificates.
pub(super) fn endorsements(table: &[u8]) -> Result<Endorsements, AttesterError> {
    let find = |id| row(table, id).map(<[u8]>::to_vec);
    let vek = find(VLEK).or_else(|| find(VCEK)).ok_or(AttesterError::NoEndorsements)?;
    let crl = find(CRL);
    let endorsements = match (find(ASK), find(ARK)) {
        (Some(ask), Some(ark)) => Endorsements::snp(SnpEndorsements { vek, ask, ark, crl }),
        _ => Endorsements::snp_from_leaf(vek, crl),
    };
    Ok(endorsements?)
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
